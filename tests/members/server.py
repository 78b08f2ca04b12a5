"""`skiff server` processes on this machine, and what an operator types beside them. Needs no
root."""

import atexit
import http.client
import json
import shutil
import socket
import subprocess
import tempfile

from support import SKIFF, run

MAPS = "/api/v1/namespaces/default/configmaps"
DIRECTORY = tempfile.mkdtemp(prefix="skiff-commands-")
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


class Server:
    """`skiff server` under a name, and what is typed beside it."""

    def __init__(self, name):
        self.name = name
        self.data = f"{DIRECTORY}/{name}"
        self.address = free_address()
        self.peer = free_address()
        self.process = None
        atexit.register(self.kill)

    def start(self, *arguments):
        self.launch(*arguments)
        line = self.process.stdout.readline()
        assert line.startswith("ready at http://"), (self.name, line, self.log())

    def launch(self, *arguments):
        with open(f"{self.data}.log", "ab") as log:
            self.process = subprocess.Popen(
                [SKIFF, "server", "--name", self.name, "--data-dir", self.data, "--listen",
                 f"http://{self.address}", "--peer-listen", self.peer, "--kubeconfig",
                 f"{self.data}.config", *arguments], stdout=subprocess.PIPE, stderr=log, text=True)

    def log(self):
        with open(f"{self.data}.log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def refuses(self, *arguments):
        """Ends by itself, without ever being ready: what it says."""
        self.launch(*arguments)
        said, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 1 and "ready" not in said, (said, self.log())
        return self.log().splitlines()[-1]

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
