"""Who a member is, and what it must have to be that: disks that are lost, directories that are
another's, members that were removed. Never silently wrong: refused, with what to do."""

import os
import shutil
import signal
import subprocess

from server import DIRECTORY, MAPS, Server, free_address, join
from support import SKIFF, run, until


def lose(server):
    shutil.rmtree(server.data)


def voter_without_its_disk():
    """What it acknowledged stays, though it comes back with its old token."""
    a, b, c = Server("a"), Server("b"), Server("c")
    a.start()
    join(a, b)
    join(a, c)
    c.end()
    a.keep("acknowledged")
    a.kill()
    b.kill()
    lose(b)
    b.launch("--join", f"@{b.data}.token")
    c.launch()
    status, answer = until(lambda: try_ask(c), 30, "c to answer")
    assert status == 503, answer
    assert b.process.poll() is None and "ready" not in b.log(), b.log()
    a.start()
    assert c.process.stdout.readline().startswith("ready")
    assert "acknowledged" in a.kept()[0]
    assert b.process.wait(timeout=30) == 1
    said = b.log().splitlines()[-1]
    assert 'member "b" has joined the cluster before and has lost its data' in said, said
    assert "skiff member remove b" in said, said
    # As it says.
    c.skiff("member", "remove", "b")
    lose(b)
    b.peer = free_address()
    join(c, b)
    assert "acknowledged" in b.kept()[0]
    return a, b, c


def try_ask(server):
    try:
        return server.ask("GET", MAPS)
    except OSError:
        return None


def removed_member(a, b, c):
    """It is told, while it runs and when it starts again."""
    a.skiff("member", "remove", "b")
    until(lambda: 'member "b" was removed' in b.log(), 10, "b to know")
    status, answer = b.ask("GET", MAPS)
    assert status == 503 and "was removed from the cluster" in answer["message"], answer
    told = run(SKIFF, "member", "list", "--data-dir", b.data, check=False)
    assert told.returncode == 1 and "was removed from the cluster" in told.stderr, told
    b.end()
    # One that was down when it was removed.
    d = Server("d")
    join(a, d)
    c.end()
    a.skiff("member", "remove", "c")
    assert "was removed from the cluster" in c.refuses(), c.log()
    d.end()


def directories():
    a = Server("one")
    a.start()
    a.keep("kept")
    a.end()
    # The disk with the objects is not mounted.
    os.rename(f"{a.data}/store", f"{a.data}.away")
    said = a.refuses()
    assert f"{a.data}/store is gone" in said, said
    said = dev(a.data)
    assert "skiff server" in said, said
    os.rename(f"{a.data}.away", f"{a.data}/store")
    # Who it is is gone.
    os.rename(f"{a.data}/member", f"{a.data}.who")
    said = a.refuses()
    assert f"{a.data}/member/member.json is missing" in said, said
    # Or another's.
    other = Server("one")
    other.data = f"{DIRECTORY}/other"
    other.start()
    other.end()
    shutil.copytree(f"{other.data}/member", f"{a.data}/member")
    said = a.refuses()
    assert "member.json" in said, said
    shutil.rmtree(f"{a.data}/member")
    os.rename(f"{a.data}.who", f"{a.data}/member")
    said = dev(a.data)
    assert "skiff server" in said, said
    a.start("--join", "nonsense")
    assert "the join token is ignored" in a.log(), a.log()
    assert a.kept()[0] == {"kept"}
    a.skiff("snapshot", "save", f"{DIRECTORY}/one.snap")
    for address in ("127.0.0.1:0", "0.0.0.0:2380", "[::]:2380"):
        refused = run(SKIFF, "member", "add", "--data-dir", a.data, "z", address, check=False)
        assert refused.returncode == 1 and "nobody can connect" in refused.stderr, refused
    a.skiff("member", "add", "late", "a-host-with-a-long-name.example.com:2380")
    lines = a.skiff("member", "list").splitlines()
    late = next(line for line in lines if line.startswith("late"))
    assert late.split() == ["late", "learner", "a-host-with-a-long-name.example.com:2380", "silent",
                            late.split()[-1]], late
    a.end()


def dev(directory):
    """`skiff dev` there ends at once: what it says."""
    done = run(SKIFF, "dev", "--nodes", "0", "--data-dir", directory, "--listen", "127.0.0.1:0",
               "--kubeconfig", f"{DIRECTORY}/dev.config", check=False, timeout=20)
    assert done.returncode == 1, done
    return done.stderr


def restored():
    """Without a name it is for `skiff dev`, and for `skiff server`, which gives it one."""
    for first in ("dev", "server"):
        again = Server("again")
        again.data = f"{DIRECTORY}/again-{first}"
        run(SKIFF, "snapshot", "restore", "--data-dir", again.data, f"{DIRECTORY}/one.snap")
        if first == "dev":
            process = subprocess.Popen(
                [SKIFF, "dev", "--nodes", "0", "--data-dir", again.data, "--listen", "127.0.0.1:0",
                 "--kubeconfig", f"{DIRECTORY}/dev.config"], stdout=subprocess.PIPE, text=True)
            assert process.stdout.readline().startswith("ready")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        again.start()
        assert again.kept()[0] == {"kept"}
        assert until(lambda: again.roles() == {"again": "leader"}, 10, "its name"), again.roles()
        more = Server(f"more-{first}")
        join(again, more)
        assert more.kept()[0] == {"kept"}
        more.kill()
        again.kill()
    # One that was interrupted is done again.
    half = Server("half")
    restore = (SKIFF, "snapshot", "restore", "--data-dir", half.data, f"{DIRECTORY}/one.snap")
    run(*restore)
    os.rename(f"{half.data}/store", f"{half.data}/store.restoring")
    assert "did not end" in half.refuses(), half.log()
    assert "did not end" in dev(half.data)
    run(*restore)
    half.start()
    assert half.kept()[0] == {"kept"}
    half.end()


def no_majority():
    """A member that waits for the others is not ready, and ends when it is told to."""
    a, b = Server("x"), Server("y")
    a.start()
    join(a, b)
    b.kill()
    a.kill()
    a.launch()
    until(lambda: "waiting until it can serve" in a.log(), 30, "x to say that it waits")
    a.end()
    assert a.process.stdout.read() == ""
    # Another cluster where b is looked for.
    stranger = Server("y")
    stranger.data = f"{DIRECTORY}/stranger"
    stranger.peer = b.peer
    stranger.start()
    a.launch()
    until(lambda: "it is a member of another cluster" in a.log(), 30, "x to say whom it met")
    a.end()
    stranger.end()


def main():
    a, b, c = voter_without_its_disk()
    removed_member(a, b, c)
    for one in (a, b, c):
        one.kill()
    directories()
    restored()
    no_majority()


main()
