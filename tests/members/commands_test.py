"""What docs/members.md tells an operator to type: members added, led and removed, snapshots, and a
new control plane from the one survivor of three. Processes on this machine; needs no root."""

from server import DIRECTORY, MAPS, Server, join
from support import SKIFF, run, until


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
