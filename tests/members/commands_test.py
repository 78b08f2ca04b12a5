"""What docs/members.md tells an operator to type: members added, led and removed, snapshots, and a
new control plane from the one survivor of three. Processes on this machine; needs no root."""

import atexit
import http.client
import json
import shutil
import socket
import subprocess
import tempfile

from support import SKIFF, run, until

MAPS = "/api/v1/namespaces/default/configmaps"
DIRECTORY = tempfile.mkdtemp(prefix="skiff-commands-")
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)


class Server:
    """`skiff server` under a name, and what is typed beside it."""

    def __init__(self, name):
        self.name = name
        self.data = f"{DIRECTORY}/{name}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.peer = f"127.0.0.1:{free.getsockname()[1]}"
        self.process = None
        self.address = None
        atexit.register(self.kill)

    def start(self, *arguments):
        with open(f"{self.data}.log", "ab") as log:
            self.process = subprocess.Popen(
                [SKIFF, "server", "--name", self.name, "--data-dir", self.data, "--listen",
                 "http://127.0.0.1:0", "--peer-listen", self.peer, "--kubeconfig", f"{self.data}.config",
                 *arguments], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready at http://"), (self.name, line)
        self.address = line.split()[2].removeprefix("http://")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0

    def skiff(self, noun, verb, *arguments, **options):
        return run(SKIFF, noun, verb, "--data-dir", self.data, *arguments, **options).stdout

    def roles(self):
        lines = self.skiff("member", "list").splitlines()
        assert lines[0].split() == ["NAME", "ROLE", "ADDRESS", "STATE", "BEHIND"], lines
        return {line.split()[0]: line.split()[1] for line in lines[1:]}

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method, path, body and json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)

    def keep(self, name):
        status, answer = self.ask("POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap",
                                                 "metadata": {"name": name}})
        assert status == 201, (self.name, answer)

    def kept(self, query=""):
        """The names, and the version of the list."""
        status, answer = self.ask("GET", MAPS + query)
        assert status == 200, (self.name, answer)
        names = {item["metadata"]["name"] for item in answer["items"]}
        return names, answer["metadata"]["resourceVersion"]


def join(asked, new):
    with open(f"{new.data}.token", "w", encoding="utf-8") as file:
        file.write(asked.skiff("member", "add", new.name, new.peer))
    new.start("--join", f"@{new.data}.token")
    assert asked.roles()[new.name] == "learner"
    asked.skiff("member", "promote", new.name)
    assert asked.roles()[new.name] == "voter"


def begin():
    servers = [Server(name) for name in "abc"]
    servers[0].start()
    for new in servers[1:]:
        join(servers[0], new)
    for server in servers:
        server.keep(f"by-{server.name}")
    names, version = servers[0].kept()
    servers[1].keep("later")
    for server in servers:
        assert server.kept()[0] == names | {"later"}
        assert server.kept(f"?resourceVersion={version}&resourceVersionMatch=Exact")[0] == names
    return servers


def lead_and_let_go(a, b, c):
    c.skiff("member", "lead", "b")
    assert b.roles() == {"a": "voter", "b": "leader", "c": "voter"}, b.roles()
    assert c.roles()["b"] == "leader"
    refused = run(SKIFF, "member", "remove", "--data-dir", a.data, "z", check=False)
    assert refused.returncode == 1 and '"z"' in refused.stderr, refused
    a.skiff("member", "remove", "c")
    assert set(b.roles()) == {"a", "b"}
    c.end()


def save_and_restore(asked):
    file = f"{DIRECTORY}/state"
    said = asked.skiff("snapshot", "save", file)
    assert said.startswith("saved "), said
    again = Server("again")
    said = run(SKIFF, "snapshot", "restore", "--data-dir", again.data, file).stdout
    assert said.startswith("restored "), said
    with open(file, "r+b") as damaged:
        damaged.seek(100)
        byte = damaged.read(1)[0]
        damaged.seek(100)
        damaged.write(bytes([byte ^ 1]))
    refused = run(SKIFF, "snapshot", "restore", "--data-dir", f"{DIRECTORY}/never", file,
                  check=False)
    assert refused.returncode == 1 and "damaged" in refused.stderr, refused


def recover(survivor, lost):
    """A majority is lost for good."""
    before, _ = survivor.kept()
    for one in lost:
        one.kill()
    status, answer = survivor.ask("GET", MAPS)
    assert status == 503, answer
    assert survivor.kept("?resourceVersion=0")[0] == before
    survivor.end()
    file = f"{DIRECTORY}/last.snapshot"
    survivor.skiff("snapshot", "save", "--offline", file)
    first = Server("first")
    first.skiff("snapshot", "restore", "--name", "first", "--peer-listen", first.peer, file)
    first.start()
    assert first.kept()[0] == before
    second = Server("second")
    join(first, second)
    second.keep("afterwards")
    assert until(lambda: first.kept()[0] == before | {"afterwards"}, 10, "both to agree")
    first.end()
    second.kill()


def main():
    a, b, c = begin()
    lead_and_let_go(a, b, c)
    save_and_restore(a)
    d = Server("d")
    join(b, d)
    recover(d, [a, b])


main()
