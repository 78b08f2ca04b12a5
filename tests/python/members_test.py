"""Control planes of several members in one process, and snapshots in files."""
import os
import socket
import tempfile
import time
import unittest

import skiff
from support import SOON, config_map


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    finally:
        for one in sockets:
            one.close()


def until(holds, what):
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.02)


class Directory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="skiff-python-members-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name):
        return os.path.join(self.directory, name)


class ThreeMembers(Directory):
    def setUp(self):
        super().setUp()
        self.addresses = dict(zip("abc", free_addresses(3)))
        self.clusters = {}
        self.open("a")
        for name in "bc":
            self.open(name, self.clusters["a"].add_member(name, self.addresses[name]))
            self.clusters[name].promote_member(name)
            self.clusters[name].create(config_map(f"as-{name}-is-promoted"))

    def open(self, name, token=None):
        member = skiff.Member(name, self.addresses[name], token=token)
        cluster = skiff.Cluster(self.path(name), nodes=0, runtime="fake", member=member)
        self.addCleanup(cluster.close)
        self.clusters[name] = cluster

    def leader_seen_by(self, name):
        return [one.name for one in self.clusters[name].members() if one.leader]

    def test_every_member_shows_what_any_has_acknowledged(self):
        for name, cluster in self.clusters.items():
            cluster.create(config_map(f"by-{name}", value=name))
            for other in self.clusters.values():
                self.assertEqual(other.get("configmap", f"by-{name}")["data"], {"value": name})
        seen = self.clusters["b"].members()
        self.assertEqual([(one.name, one.address, one.voter, one.self) for one in seen],
                         [(name, self.addresses[name], True, name == "b") for name in "abc"])

    def test_leadership_is_handed_on_and_members_are_removed(self):
        self.clusters["c"].lead_member("b")
        self.assertEqual(self.leader_seen_by("c"), ["b"])
        with self.assertRaisesRegex(skiff.NotFoundError, '"z"'):
            self.clusters["a"].remove_member("z")
        self.clusters["a"].remove_member("c")
        self.assertEqual([one.name for one in self.clusters["a"].members()], ["a", "b"])
        self.clusters["a"].create(config_map("after"))

    def test_a_name_that_is_taken_is_refused(self):
        with self.assertRaisesRegex(skiff.AlreadyExistsError, '"b"'):
            self.clusters["a"].add_member("b", "127.0.0.1:1")
        with self.assertRaises(skiff.InvalidError):
            self.clusters["a"].add_member("No Label", "127.0.0.1:1")

    def test_members_that_do_not_lead_can_be_looked_into(self):
        for name, cluster in self.clusters.items():
            cluster.settle(SOON)
            told = cluster.inspect()
            self.assertEqual(told["controllers"] != [], name == "a")
            self.assertEqual(told["scheduler"]["pending"], [])
        self.clusters["a"].lead_member("b")
        until(lambda: self.clusters["b"].inspect()["controllers"], "b to run controllers")
        until(lambda: not self.clusters["a"].inspect()["controllers"], "a to end its own")
        self.clusters["a"].settle(SOON)
        self.clusters["a"].assert_idle(0.1)

    def test_a_state_is_saved_at_any_and_restored_as_the_first_of_others(self):
        self.clusters["a"].create(config_map("kept", value="1"))
        saved = self.clusters["c"].save_snapshot(self.path("state"))
        self.assertEqual(saved["bytes"], os.path.getsize(self.path("state")))
        first = skiff.Member("d", free_addresses(1)[0])
        self.assertEqual(skiff.restore_snapshot(self.path("state"), self.path("d"), first), saved)
        with skiff.Cluster(self.path("d"), nodes=0, runtime="fake", member=first) as cluster:
            self.assertEqual(cluster.get("configmap", "kept")["data"], {"value": "1"})
            self.assertEqual([one.name for one in cluster.members()], ["d"])
            cluster.create(config_map("more"))


class Alone(Directory):
    def test_a_cluster_of_its_own_has_no_members_but_snapshots(self):
        with skiff.Cluster(self.path("one"), nodes=0, runtime="fake") as cluster:
            with self.assertRaises(skiff.ConflictError):
                cluster.members()
            cluster.create(config_map("kept"))
            saved = cluster.save_snapshot(self.path("state"))
            with self.assertRaises(skiff.ConflictError):
                skiff.save_offline(self.path("one"), self.path("late"))
        self.assertEqual(skiff.save_offline(self.path("one"), self.path("late"))["objects"],
                         saved["objects"])
        skiff.restore_snapshot(self.path("late"), self.path("two"))
        with skiff.Cluster(self.path("two"), nodes=0, runtime="fake") as cluster:
            cluster.get("configmap", "kept")
        with self.assertRaisesRegex(skiff.ConflictError, "not empty"):
            skiff.restore_snapshot(self.path("late"), self.path("two"))

    def test_what_cannot_be_is_refused(self):
        with self.assertRaises(TypeError):
            skiff.Cluster(self.path("x"), member="a")
        with self.assertRaisesRegex(skiff.InvalidError, "data directory"):
            skiff.Cluster(runtime="fake", nodes=0, member=skiff.Member("a", "127.0.0.1:0"))
        with self.assertRaisesRegex(skiff.InvalidError, "token"):
            skiff.Cluster(self.path("x"), runtime="fake", nodes=0,
                          member=skiff.Member("a", "127.0.0.1:2380", token="nonsense"))
        with self.assertRaises(skiff.NotFoundError):
            skiff.save_offline(self.path("nowhere"), self.path("state"))
        with open(self.path("junk"), "w") as junk:
            junk.write("junk")
        with self.assertRaisesRegex(skiff.InvalidError, "no snapshot"):
            skiff.restore_snapshot(self.path("junk"), self.path("new"))


if __name__ == "__main__":
    unittest.main()
