"""A member that has no file descriptor left neither ends nor spins nor loses what it acknowledged:
it says what is wrong, alone it refuses what it cannot write, with others it lets them lead, and it
recovers when there are descriptors again."""

import http.client
import json
import os
import resource
import socket
import time

from support import SKIFF, Cluster, Member, Refused, run, until

MAPS = "/api/v1/namespaces/default/configmaps"
PIECE = "x" * (1 << 19)


def descriptors(member):
    return len(os.listdir(f"/proc/{member.process.pid}/fd"))


def limit(member, count):
    resource.prlimit(member.process.pid, resource.RLIMIT_NOFILE, (count, 4096))


def seconds_of_processor(member):
    with open(f"/proc/{member.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Writer:
    """Replaces big objects, so that the write-ahead log needs a new file every 50 of them. It keeps
    its connections, as whoever has none yet gets none."""

    def __init__(self):
        self.written = {}
        self.count = 0
        self.connections = {}

    def call(self, member, method, path, body=None):
        connection = self.connections.setdefault(member, member.connect(timeout=15))
        try:
            connection.request(method, path, json.dumps(body) if body else None,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        if answer.status >= 400:
            raise Refused(answer.status, text[:300])
        return json.loads(text)

    def write(self, member):
        self.count += 1
        name = f"big-{self.count % 8}"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                "data": {"count": str(self.count), "piece": PIECE}}
        if name in self.written:
            self.call(member, "PUT", f"{MAPS}/{name}", body)
        else:
            self.call(member, "POST", MAPS, body)
        self.written[name] = self.count

    def check(self, member):
        for name, count in self.written.items():
            data = self.call(member, "GET", f"{MAPS}/{name}")["data"]
            assert int(data["count"]) >= count, f"{name}: {data['count']}, not {count}"


def use_up(member):
    """As many connections as it takes, and some; those that it cannot have it closes."""
    limit(member, descriptors(member) + 4)
    return [socket.create_connection((member.ip, 6443), timeout=5) for _ in range(30)]


def check_calm(member):
    before = seconds_of_processor(member)
    time.sleep(1)
    used = seconds_of_processor(member) - before
    assert used < 0.5, f"{member.name} was busy for {used} s of one second"
    assert member.process.poll() is None, member.log()


def alone(member, writer):
    until(lambda: written(member, writer), 10, "a write")
    time.sleep(1)  # All of it has started.
    connections = use_up(member)
    refused = None
    for _ in range(120):
        try:
            writer.write(member)
        except Refused as error:
            refused = str(error)
            break
    assert refused is not None and "too many files open" in refused, refused
    assert "ulimit -n" in refused, refused
    check_calm(member)
    writer.check(member)
    for connection in connections:
        connection.close()
    limit(member, 1024)
    until(lambda: written(member, writer), 10, "writes that are taken again")
    writer.check(member)


def written(member, writer):
    try:
        writer.write(member)
        return True
    except (Refused, OSError):
        return False


def too_few_to_start(member):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (30, before[1]))
    done = run(SKIFF, "server", "--name", "x", "--data-dir", f"{member.directory}/few",
               "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", check=False, timeout=10)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert done.returncode == 1 and "ulimit -n" in done.stderr, (done.returncode, done.stderr)


def among_others(cluster, writer):
    leader = cluster.leader()
    other = next(member for member in cluster.members if member is not leader)
    until(lambda: written(leader, writer), 10, "a write")
    connections = use_up(leader)
    for _ in range(70):
        until(lambda: written(other, writer), 10, "a write through another member")
    check_calm(leader)
    assert cluster.leader() is not leader, "it still leads"
    for connection in connections:
        connection.close()
    limit(leader, 1024)
    until(lambda: written(leader, writer), 10, "writes through it again")
    for member in cluster.members:
        writer.check(member)


def main():
    Member.disk = "400m"
    cluster = Cluster(3, subnet=44)
    writer = Writer()
    too_few_to_start(cluster.members[0])
    cluster.members[0].start()
    alone(cluster.members[0], writer)
    cluster.join_others()
    among_others(cluster, writer)
    for member in cluster.members:
        assert member.terminate() == 0, member.log()
    print(f"{writer.count} writes")


main()
