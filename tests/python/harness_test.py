"""Clusters as test harnesses."""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.request

import skiff
from support import SOON, config_map, job, pod


def deployment(name, replicas):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                         {"name": "main", "image": "x"}]}}}}


def names(cluster, kind):
    return [one["metadata"]["name"] for one in cluster.list(kind)]


class VirtualTime(unittest.TestCase):
    def setUp(self):
        self.cluster = skiff.Cluster(runtime="fake", clock="virtual", seed=5, nodes=2)
        self.addCleanup(self.cluster.close)

    def test_a_week_passes_at_once(self):
        begin = self.cluster.now
        week = job("old", run_seconds=60)
        week["spec"]["ttlSecondsAfterFinished"] = 7 * 86400
        self.cluster.create(week)
        self.cluster.advance(7 * 86400)
        self.assertEqual(names(self.cluster, "jobs"), ["old"])
        self.cluster.advance(120)
        self.assertEqual(names(self.cluster, "jobs"), [])
        self.assertEqual(self.cluster.now - begin, datetime.timedelta(days=7, seconds=120))

    def test_settling_may_take_for_ever(self):
        for timeout in None, float("inf"), 0:
            self.cluster.settle(timeout)
        with self.assertRaises(ValueError):
            self.cluster.settle(float("nan"))

    def test_the_seed_is_told(self):
        self.assertEqual(self.cluster.seed, 5)
        self.cluster.create(job("slow", run_seconds=10))
        self.cluster.settle()
        with self.assertRaisesRegex(skiff.ConflictError, "slow-.*seed 5"):
            self.cluster.assert_idle(60)
        with skiff.Cluster(runtime="fake", clock="virtual") as drawn:
            self.assertGreater(drawn.seed, 0)

    def test_the_order_of_events_is_the_seeds_to_choose(self):
        def history(permute_order):
            with skiff.Cluster(runtime="fake", clock="virtual", seed=5, nodes=3,
                               permute_order=permute_order) as cluster:
                cluster.apply(deployment("web", 5))
                cluster.settle()
                return cluster.list("pods")
        self.assertEqual(history(True), history(True))
        self.assertNotEqual(history(True), history(False))

    def test_a_settled_cluster_does_nothing(self):
        self.cluster.apply(deployment("web", 3))
        self.cluster.settle()
        self.cluster.wait("deployment", "web", "condition=Available", timeout=0)
        self.cluster.assert_idle(600)

    def test_nodes_fail_and_come_back(self):
        self.cluster.apply(deployment("web", 2))
        self.cluster.settle()
        for fail, heal in ((self.cluster.kill_node, self.cluster.restart_node),
                           (self.cluster.partition_node,
                            lambda node: self.cluster.partition_node(node, on=False))):
            fail("node-1")
            self.cluster.advance(600)
            self.cluster.wait("node", "node-1", "condition=Ready=Unknown", timeout=0)
            heal("node-1")
            self.cluster.advance(60)
            self.cluster.wait("node", "node-1", "condition=Ready", timeout=0)
        with self.assertRaises(skiff.NotFoundError):
            self.cluster.kill_node("node-5")

    def test_what_is_full_says_why(self):
        for node in ("node-0", "node-1"):
            self.cluster.fill_node(node)
        self.cluster.create(pod("big"))
        self.cluster.settle()
        self.assertIn("0/2 nodes are available", self.cluster.why_pending("big"))
        self.cluster.fill_node("node-0", on=False)
        self.cluster.settle()
        self.assertIsNone(self.cluster.why_pending("big"))
        self.cluster.crash("big", exit_code=9)
        self.cluster.settle()
        state = self.cluster.get("pod", "big")["status"]["containerStatuses"][0]["state"]
        self.assertEqual(state["terminated"]["exitCode"], 9)
        self.cluster.press_node("node-0", "MemoryPressure")
        self.cluster.settle()
        self.cluster.wait("node", "node-0", "condition=MemoryPressure", timeout=0)

    def test_writes_fail_as_told(self):
        self.cluster.fail_writes(2, verb="create", kind="configmaps", name="a*", error="Forbidden")
        self.cluster.create(config_map("b"))
        for _ in range(2):
            with self.assertRaisesRegex(skiff.ForbiddenError, "a fault was injected"):
                self.cluster.create(config_map("a"))
        self.cluster.create(config_map("a"))
        self.cluster.fail_writes(100)
        self.cluster.heal_writes()
        self.cluster.create(config_map("c"))

    def test_disks_fail(self):
        self.cluster.fail_disk()
        with self.assertRaises(skiff.ExhaustedError):
            self.cluster.create(config_map("a"))
        self.cluster.fail_disk(on=False)
        self.cluster.slow_disk(0.5)
        self.cluster.heal_writes()
        self.cluster.create(config_map("a"))

    def test_saved_clusters_go_on_the_same(self):
        self.cluster.apply(deployment("web", 2))
        self.cluster.settle()
        saved = self.cluster.save()
        seen = []
        with self.cluster.watch("deployments") as watch:
            self.assertEqual(watch.next(SOON).type, "ADDED")
            for _ in range(2):
                self.cluster.apply(deployment("more", 2))
                self.cluster.advance(30)
                seen.append(self.cluster.list("pods"))
                self.cluster.restore(saved)
            event = None
            while event is None or event.type != "DELETED":
                event = watch.next(SOON)
            self.assertEqual(event.object["metadata"]["name"], "more")
        self.assertEqual(seen[0], seen[1])
        with self.assertRaises(TypeError):
            self.cluster.restore(None)


class RealTime(unittest.TestCase):
    def test_settling_and_restoring_need_no_virtual_clock(self):
        with skiff.Cluster(runtime="fake", controllers_off=["job-controller"]) as cluster:
            saved = cluster.save()
            cluster.apply(deployment("web", 2))
            cluster.create(job("idle"))
            cluster.settle(SOON)
            self.assertEqual(len(names(cluster, "pods")), 2)
            cluster.assert_idle(0.1)
            cluster.restore(saved)
            self.assertEqual(names(cluster, "pods"), [])
            with self.assertRaisesRegex(skiff.ConflictError, "virtual clock"):
                cluster.advance(1)
            self.assertLess(abs(cluster.now.timestamp() - time.time()), 3600)

    def test_options_are_checked(self):
        for options, error in (({"clock": "sundial"}, skiff.InvalidError),
                               ({"clock": "virtual", "runtime": "process"}, skiff.InvalidError),
                               ({"seed": -1}, ValueError), ({"seed": 5}, skiff.InvalidError),
                               ({"controllers_off": "x"}, TypeError),
                               ({"controllers_off": ["x"]}, skiff.InvalidError)):
            with self.assertRaises(error):
                skiff.Cluster(**{"runtime": "fake", "nodes": 0, **options})


class Members(unittest.TestCase):
    def test_a_cluster_outlives_the_member_that_leads(self):
        with skiff.Cluster(runtime="fake", clock="virtual", seed=5, members=3) as cluster:
            def leader():
                members = cluster.inspect()["members"]
                return next(i for i, each in enumerate(members) if each["leads"])
            cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}})
            first = leader()
            cluster.kill_member(first)
            cluster.settle()
            self.assertNotEqual(leader(), first)
            self.assertEqual(cluster.get("configmap", "kept")["metadata"]["name"], "kept")
            cluster.restart_member(first)
            cluster.partition_member((first + 1) % 3)
            cluster.disturb_network(loss=0.1, delay=0.01)
            cluster.advance(30)
            cluster.partition_member((first + 1) % 3, on=False)
            cluster.disturb_network()
            cluster.settle()
            with self.assertRaises(skiff.NotFoundError):
                cluster.kill_member(3)

    def test_slow_disks_hold_writes_up(self):
        with skiff.Cluster(runtime="fake", clock="virtual", seed=5, members=3) as cluster:
            cluster.settle()
            cluster.slow_disk(2)
            begin = cluster.now
            cluster.create(config_map("late"))
            self.assertGreaterEqual(cluster.now - begin, datetime.timedelta(seconds=2))
            cluster.slow_disk(0)
            begin = cluster.now
            cluster.create(config_map("soon"))
            self.assertLess(cluster.now - begin, datetime.timedelta(seconds=1))

    def test_several_members_are_saved_restored_and_listed(self):
        with skiff.Cluster(runtime="fake", clock="virtual", seed=5, members=3) as cluster:
            saved = cluster.save()
            for value in ("1", "2"):
                cluster.fail_writes(1, verb="create", kind="configmap", error="Forbidden")
                with self.assertRaises(skiff.ForbiddenError):
                    cluster.create(config_map("kept", value=value))
                cluster.create(config_map("kept", value=value))
                members = cluster.members()
                self.assertEqual([one.name for one in members],
                                 ["member-0", "member-1", "member-2"])
                self.assertEqual([one.leader for one in members].count(True), 1)
                with tempfile.TemporaryDirectory() as directory:
                    cluster.save_snapshot(os.path.join(directory, "state"))
                cluster.restore(saved)
                with self.assertRaises(skiff.NotFoundError):
                    cluster.get("configmap", "kept")
            with self.assertRaisesRegex(skiff.ConflictError, "simulated"):
                cluster.add_member("d", "127.0.0.1:1")

    def test_several_members_in_real_time_serve_http(self):
        with skiff.Cluster(runtime="fake", members=3, listen="http://127.0.0.1:0") as cluster:
            cluster.create(config_map("kept"))
            url = cluster.url + "/api/v1/namespaces/default/configmaps/kept"
            for member in range(3):
                cluster.kill_member(member)
                cluster.settle()
                with urllib.request.urlopen(url) as answer:
                    self.assertEqual(json.load(answer)["metadata"]["name"], "kept")
                cluster.restart_member(member)
                cluster.settle()

    @unittest.skipIf(os.geteuid() != 0, "running programs in pods needs root")
    def test_several_members_run_real_pods(self):
        with skiff.Cluster(runtime="process", members=3) as cluster:
            cluster.kill_member(0)
            cluster.settle()
            spec = {"restartPolicy": "Never", "runtimeClassName": "process", "containers": [
                {"name": "work", "command": ["sh", "-c", "echo counted; exit 3"]}]}
            result = cluster.run_job({
                "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "real"},
                "spec": {"backoffLimit": 0, "template": {"spec": spec}}})
            self.assertEqual(result.containers[0].exit_code, 3)
            self.assertEqual(cluster.logs(result.containers[0].pod), b"counted\n")

    def test_what_several_members_cannot_be_is_refused(self):
        with self.assertRaisesRegex(skiff.InvalidError, "option listen"):
            skiff.Cluster(runtime="fake", clock="virtual", members=3, listen="127.0.0.1:0")
        with self.assertRaisesRegex(skiff.InvalidError, "skiff server"):
            skiff.Cluster("/tmp/skiff-python-none", runtime="fake", members=3)


@unittest.skipIf(subprocess.run([sys.executable, "-c", "import pytest"],
                                capture_output=True).returncode, "pytest is not installed")
class Pytest(unittest.TestCase):
    TESTS = """
        import pytest

        @pytest.fixture(scope="module")
        def skiff_options():
            return {"nodes": 2}

        @pytest.fixture(scope="module")
        def skiff_prepare():
            return lambda cluster: cluster.create(MAP)

        MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}}

        @pytest.mark.parametrize("round", range(3))
        def test_each_begins_anew(skiff_cluster, round):
            assert len(skiff_cluster.list("nodes")) == 2
            skiff_cluster.delete("configmap", "shared")
            skiff_cluster.advance(60)

        def test_that_fails(skiff_cluster):
            assert not skiff_cluster.list("nodes")
    """
    BROKEN = """
        import pytest

        @pytest.fixture
        def shop(skiff_cluster):
            raise RuntimeError("no shop")

        def test_of_a_fixture_that_fails(shop):
            pass

        def test_of_what_is_shared(skiff_shared_cluster):
            assert False
    """
    UNPREPARED = """
        import pytest

        @pytest.fixture(scope="module")
        def skiff_prepare():
            return lambda cluster: cluster.get("configmap", "none")

        def test_of_nothing(skiff_cluster):
            pass
    """

    def run_with(self, seed, tests):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "test_it.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(tests))
            return subprocess.run(
                [sys.executable, "-B", "-m", "pytest", "-q", "-p", "skiff.pytest_plugin",
                 "-p", "no:cacheprovider", path],
                capture_output=True, text=True, cwd=directory, check=False,
                env={**os.environ, "SKIFF_SEED": seed}).stdout

    def test_the_fixture_restores_and_a_failure_tells_its_seed(self):
        output = self.run_with("77", self.TESTS)
        self.assertIn("1 failed, 3 passed", output)
        self.assertIn("SKIFF_SEED=77", output)

    def test_whatever_fails_its_seed_is_told(self):
        output = self.run_with("0", self.BROKEN)
        self.assertIn("1 failed, 1 error", output)
        self.assertEqual(output.count("SKIFF_SEED=0 runs it again"), 2)
        output = self.run_with("0", self.UNPREPARED)
        self.assertIn("1 error", output)
        self.assertIn("SKIFF_SEED=0 runs it again", output)
        self.assertIn("SKIFF_SEED: 'abc' is no number", self.run_with("abc", self.BROKEN))


if __name__ == "__main__":
    unittest.main()
