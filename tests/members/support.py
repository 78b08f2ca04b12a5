"""Members of a control plane as real processes: each in a network namespace of its own, on a
bridge, with a data directory on a small disk of its own. Whatever happens to the test, nothing
stays behind."""

import atexit
import base64
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time

SKIFF = os.environ.get("SKIFF_BINARY", "build/skiff")


def run(*command, check=True, **options):
    return subprocess.run(command, check=check, capture_output=True, text=True, **options)


def skip_unless_possible():
    if os.geteuid() != 0:
        print("SKIPPED: members in network namespaces need root", file=sys.stderr)
        sys.exit(77)
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            print(f"SKIPPED: {tool} is not installed", file=sys.stderr)
            sys.exit(77)


class Refused(Exception):
    """The API answered with an error; `code` is HTTP's."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


def admin_of(kubeconfig):
    """What a client needs to come in as the admin of that kubeconfig: for http.client."""
    with open(kubeconfig, encoding="utf-8") as file:
        text = file.read()
    pem = {name: base64.b64decode(re.search(rf"{name}-data: (\S+)", text)[1]).decode()
           for name in ("certificate-authority", "client-certificate", "client-key")}
    context = ssl.create_default_context(cadata=pem["certificate-authority"])
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem["client-certificate"] + pem["client-key"])
        file.flush()
        context.load_cert_chain(file.name)
    return context


class Member:
    disk = "96m"

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.name = f"m{number}"
        self.space = f"{cluster.tag}-{number}"
        self.ip = f"10.213.{cluster.subnet}.{number}"
        self.directory = os.path.join(cluster.directory, self.name)
        self.process = None
        self.admin = None

    def make(self):
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", f"{self.space}h", "type", "veth", "peer", "name", "eth0", "netns",
            self.space)
        run("ip", "link", "set", f"{self.space}h", "master", self.cluster.tag, "up")
        inside = ("ip", "-n", self.space)
        run(*inside, "addr", "add", f"{self.ip}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        os.makedirs(self.directory)
        run("mount", "-t", "tmpfs", "-o", f"size={self.disk}", "tmpfs", self.directory)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        run("umount", "-l", self.directory, check=False)
        run("ip", "netns", "del", self.space, check=False)

    def start(self, token=None):
        self.launch(token)
        self.await_ready()

    def launch(self, token=None):
        command = ["ip", "netns", "exec", self.space, SKIFF, "server", "--name", self.name,
                   "--data-dir", f"{self.directory}/data", "--peer-listen", f"{self.ip}:2380",
                   "--listen", f"{self.ip}:6443", "--kubeconfig", f"{self.directory}/kubeconfig"]
        if token is not None:
            command += ["--join", token]
        log = open(f"{self.cluster.directory}/{self.name}.log", "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    def await_ready(self):
        """It serves, once a majority does."""
        line = self.process.stdout.readline().decode()
        assert line.startswith("ready"), f"{self.name} said {line!r}: {self.log()}"

    def log(self):
        with open(f"{self.cluster.directory}/{self.name}.log", errors="replace") as log:
            return log.read()[-4000:]

    def connect(self, timeout):
        """A connection to its API, as the admin."""
        if self.admin is None:
            self.admin = admin_of(f"{self.directory}/kubeconfig")
        return http.client.HTTPSConnection(self.ip, 6443, timeout=timeout, context=self.admin)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def terminate(self):
        self.process.terminate()
        return self.process.wait(timeout=30)

    def cut(self):
        """Nothing to or from other members; clients still reach it."""
        ports = "tcp dport 2380 drop\ntcp sport 2380 drop\n"
        run("ip", "netns", "exec", self.space, "nft", "-f", "-", input=(
            "table inet cut {\nchain incoming {\ntype filter hook input priority 0;\n" + ports +
            "}\nchain outgoing {\ntype filter hook output priority 0;\n" + ports + "}\n}\n"))

    def mend(self):
        run("ip", "netns", "exec", self.space, "nft", "delete", "table", "inet", "cut")

    def fill_disk(self):
        with open(f"{self.directory}/ballast", "wb") as ballast:
            try:
                while True:
                    ballast.write(b"b" * (1 << 20))
                    ballast.flush()
            except OSError:
                pass

    def free_disk(self):
        os.unlink(f"{self.directory}/ballast")

    def skiff(self, *arguments, check=True):
        """`skiff member …` or `skiff snapshot …` of this member."""
        at = 2 if arguments[0] in ("member", "snapshot") else 1
        return run(SKIFF, *arguments[:at], "--data-dir", f"{self.directory}/data", *arguments[at:],
                   check=check)

    def call(self, method, path, body=None, timeout=15):
        """One request of the API; the decoded answer. OSError: it cannot be reached."""
        connection = self.connect(timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, text[:300])
        return json.loads(text)

    def members(self):
        lines = self.skiff("member", "list").stdout.splitlines()[1:]
        return {line.split()[0]: line.split()[1] for line in lines}


class Cluster:
    def __init__(self, count, subnet):
        skip_unless_possible()
        self.tag = f"skm{os.getpid() % 10000}"
        self.subnet = subnet
        self.directory = tempfile.mkdtemp(prefix="skiff-members-")
        self.members = [Member(self, number) for number in range(1, count + 1)]
        atexit.register(self.remove)
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: sys.exit(1))
        run("ip", "link", "add", self.tag, "type", "bridge")
        run("ip", "addr", "add", f"10.213.{subnet}.254/24", "dev", self.tag)
        run("ip", "link", "set", self.tag, "up")
        for member in self.members:
            member.make()

    def remove(self):
        for member in self.members:
            member.remove()
        run("ip", "link", "del", self.tag, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def begin(self):
        """The first begins, the others join it and become voters."""
        self.members[0].start()
        self.join_others()

    def join_others(self):
        for member in self.members[1:]:
            token = self.members[0].skiff("member", "add", member.name,
                                          f"{member.ip}:2380").stdout.strip()
            member.start(token)
            member.skiff("member", "promote", member.name)

    def leader(self):
        """The member that leads, as a living one sees it."""
        def find():
            for member in self.members:
                if member.process is None or member.process.poll() is not None:
                    continue
                try:
                    roles = member.members()
                except subprocess.CalledProcessError:
                    continue
                # A member that leads says so of itself; another's word may be old.
                if roles.get(member.name) == "leader":
                    return member
            return None
        return until(find, 20, "a leader")


def until(holds, seconds, what):
    """Waits for a true value, and returns it."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)
