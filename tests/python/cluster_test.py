"""Opening, closing, and objects."""
import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import warnings
import weakref

import skiff
from support import SOON, ClusterTest, config_map, job


class OpenAndClose(unittest.TestCase):
    def test_a_cluster_is_a_context_manager(self):
        with skiff.Cluster(runtime="fake", listen="127.0.0.1:0") as cluster:
            self.assertTrue(cluster.url.startswith("https://127.0.0.1:"))
            self.assertIn(cluster.url, cluster.kubeconfig)
            self.assertEqual(cluster.list("nodes")[0]["metadata"]["name"], "node-0")
        with self.assertRaisesRegex(skiff.UnavailableError, "closed"):
            cluster.list("nodes")
        cluster.close()

    def test_options_are_refused_by_name(self):
        for options, words in (({"runtime": "docker"}, "option runtime"),
                               ({"nodes": 1001}, "option nodes: 1001"),
                               ({"nodes": 2 ** 40}, "option nodes"),
                               ({"nodes": -2 ** 70}, "option nodes"),
                               ({"listen": "nowhere"}, "nowhere")):
            with self.assertRaisesRegex(skiff.InvalidError, words):
                skiff.Cluster(**{"runtime": "fake", **options})

    def test_a_data_directory_keeps_objects(self):
        with tempfile.TemporaryDirectory() as directory:
            with skiff.Cluster(directory, runtime="fake", nodes=0) as cluster:
                cluster.apply(config_map("kept"))
                with self.assertRaisesRegex(skiff.ConflictError, "in use"):
                    skiff.Cluster(directory, runtime="fake", nodes=0)
            with skiff.Cluster(directory, runtime="fake", nodes=0) as cluster:
                cluster.get("cm", "kept")

    def test_clusters_do_not_meet(self):
        options = {"runtime": "fake", "nodes": 0}
        with skiff.Cluster(**options) as a, skiff.Cluster(**options) as b:
            a.apply(config_map("mine"))
            with self.assertRaises(skiff.NotFoundError):
                b.get("cm", "mine")

    def test_an_unclosed_cluster_is_collected_and_its_threads_with_it(self):
        with skiff.Cluster(runtime="fake"):
            pass
        before = len(os.listdir("/proc/self/task"))
        cluster = skiff.Cluster(runtime="fake")
        watch = cluster.watch("pods")
        cycle = [cluster, watch]
        cycle.append(cycle)
        gone = weakref.ref(cluster)
        with self.assertWarns(ResourceWarning):
            del cluster, watch, cycle
            gc.collect()
        self.assertIsNone(gone())
        self.assertEqual(len(os.listdir("/proc/self/task")), before)

    def test_a_program_that_never_closes_ends_nevertheless(self):
        for ending in ("", "import sys; sys.exit(0)", "raise KeyboardInterrupt"):
            with tempfile.TemporaryDirectory() as scratch:
                program = ("import skiff, threading\n"
                           "c = skiff.Cluster(runtime='fake')\n"
                           "w = c.watch('pods')\n"
                           "threading.Thread(target=w.next, daemon=True).start()\n" + ending)
                ended = subprocess.run([sys.executable, "-B", "-c", program], timeout=SOON,
                                       env={**os.environ, "TMPDIR": scratch},
                                       capture_output=True, text=True)
                self.assertNotIn("Fatal", ended.stderr)
                self.assertGreaterEqual(ended.returncode if "Key" not in ending else 0, 0)
                self.assertEqual(os.listdir(scratch), [])

    def test_a_forked_child_leaves_the_cluster_alone(self):
        with skiff.Cluster(runtime="fake") as cluster:
            child = os.fork()
            if child == 0:
                try:
                    cluster.get("node", "node-0")
                except RuntimeError:
                    cluster.close()
                    os._exit(7)
                os._exit(1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
            cluster.get("node", "node-0")

    def test_the_host_is_checked(self):
        checks = skiff.check_host()
        self.assertTrue(checks)
        for check in checks:
            self.assertEqual(set(check), {"name", "ok", "detail", "remedy"})


class Objects(ClusterTest):
    def test_manifests_are_text_objects_or_lists(self):
        outcomes = self.cluster.apply("""
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {}}
""")
        self.assertEqual([(o["name"], o["outcome"]) for o in outcomes],
                         [("a", "created"), ("b", "created")])
        outcomes = self.cluster.apply([config_map("a", k="\U0001f600"), config_map("b")])
        self.assertEqual([o["outcome"] for o in outcomes], ["configured", "unchanged"])
        self.assertEqual(self.cluster.get("cm", "a")["data"], {"k": "\U0001f600"})
        self.assertEqual(self.cluster.apply(config_map(n) for n in "cd")[1]["name"], "d")
        made = self.cluster.create(b'{"apiVersion":"v1","kind":"Secret",'
                                   b'"metadata":{"generateName":"s-"}}')
        self.assertEqual(made["metadata"]["name"][:2], "s-")

    def test_lists_are_chosen_by_selectors(self):
        self.cluster.apply([config_map("a"), config_map("b")])
        names = [o["metadata"]["name"] for o in self.cluster.list("cm", "default",
                                                                  fields="metadata.name=b")]
        self.assertEqual(names, ["b"])
        self.assertEqual(self.cluster.list("cm", labels="app=x"), [])
        with self.assertRaisesRegex(skiff.InvalidError, "a in"):
            self.cluster.list("cm", labels="a in")

    def test_deleting_may_be_repeated(self):
        self.cluster.apply(config_map("a"))
        for _ in range(3):
            self.cluster.delete("cm", "a")
        self.cluster.wait("cm", "a", "delete", timeout=SOON)
        self.cluster.delete("cm", "never-was", grace=0)
        self.cluster.delete("cm", "never-was", grace=float("inf"))

    def test_exceptions_are_the_codes_of_c(self):
        cases = (
            (skiff.InvalidError, "line 2", lambda c: c.apply("a: b\n  c: [")),
            (skiff.InvalidError, "metadata.name", lambda c: c.apply(config_map("X_Y"))),
            (skiff.NotFoundError, "widgets", lambda c: c.get("widgets", "x")),
            (skiff.NotFoundError, "nowhere", lambda c: c.create(config_map("x"), "nowhere")),
            (skiff.AlreadyExistsError, "default",
             lambda c: c.create({"apiVersion": "v1", "kind": "Namespace",
                                 "metadata": {"name": "default"}})),
            (skiff.TimeoutError, "node-0",
             lambda c: c.wait("node", "node-0", "condition=Never", timeout=0)),
            (TimeoutError, "node-0",
             lambda c: c.wait("node", "node-0", "condition=Never", timeout=0.05)),
            (skiff.NotFoundError, "absent", lambda c: c.load_image("/absent")),
        )
        for kind, words, call in cases:
            with self.assertRaisesRegex(kind, words) as raised:
                call(self.cluster)
            self.assertIsInstance(raised.exception, skiff.SkiffError)
            self.assertEqual(raised.exception.status["kind"], "Status")
        with self.assertRaises(skiff.NotFoundError) as raised:
            self.cluster.get("cm", "x")
        self.assertEqual(raised.exception.reason, "NotFound")

    def test_wrong_arguments_raise_and_hurt_nothing(self):
        cluster = self.cluster
        for call in (lambda: cluster.get(5, "x"), lambda: cluster.get("cm", ["x"]),
                     lambda: cluster.apply(5), lambda: cluster.apply({"a": float("nan")}),
                     lambda: cluster.list("cm", labels={"a": "b"}),
                     lambda: cluster.create({"a": object()}), lambda: cluster.logs("x", offset="y"),
                     lambda: cluster.wait("cm", "x", "delete", timeout="soon"),
                     lambda: skiff.Cluster(nodes="many")):
            self.assertRaises((TypeError, ValueError), call)
        for call in (lambda: cluster.get("cm", "a\0b"), lambda: cluster.apply("a\0b"),
                     lambda: cluster.get(None, "x"), lambda: cluster.get("cm", None),
                     lambda: cluster.apply(None), lambda: cluster.get("cm", "\udc80"),
                     lambda: cluster.apply({}), lambda: cluster.apply([{}]),
                     lambda: cluster.apply([[]]), lambda: cluster.create([]),
                     lambda: cluster.logs("x", offset=-1)):
            self.assertRaises(skiff.InvalidError, call)
        with self.assertRaises(ValueError):
            cluster.wait("cm", "x", "delete", timeout=float("nan"))
        self.assertEqual(cluster.apply([]), [])
        self.assertEqual(cluster.list("cm"), cluster.list("cm"))


class Threads(ClusterTest):
    def test_threads_call_in_parallel(self):
        """One thread waits in the cluster while others call: the interpreter is not locked."""
        failures = []

        def work(number):
            try:
                for i in range(20):
                    self.cluster.apply(config_map(f"t{number}", k=str(i)))
                    self.assertEqual(self.cluster.get("cm", f"t{number}")["data"]["k"], str(i))
            except BaseException as failure:
                failures.append(failure)

        def wait():
            try:
                self.cluster.wait("cm", "last", "create", timeout=SOON)
            except BaseException as failure:
                failures.append(failure)

        waiter = threading.Thread(target=wait)
        workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in [waiter, *workers]:
            thread.start()
        for thread in workers:
            thread.join()
        self.assertTrue(waiter.is_alive())
        self.cluster.apply(config_map("last"))
        waiter.join(SOON)
        self.assertFalse(waiter.is_alive())
        self.assertEqual(failures, [])

    def test_closing_ends_what_other_threads_do(self):
        ends = []

        def until_closed(call):
            try:
                while True:
                    call()
            except Exception as end:
                ends.append(end)

        self.cluster.create(job("endless", run_seconds=None))
        watch = self.cluster.watch("pods")
        calls = (lambda: self.cluster.wait("cm", "x", "create"),
                 lambda: self.cluster.wait_job("endless"),
                 lambda: list(self.cluster.wait_jobs(["endless"])),
                 lambda: self.cluster.apply(config_map("a")),
                 lambda: self.cluster.list("cm"),
                 watch.next)
        threads = [threading.Thread(target=until_closed, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        self.cluster.wait("cm", "a", "create", timeout=SOON)
        self.cluster.close()
        for thread in threads:
            thread.join(SOON)
            self.assertFalse(thread.is_alive())
        self.assertEqual([type(end) for end in ends], [skiff.UnavailableError] * len(calls))


class Errors(unittest.TestCase):
    def test_the_stub_names_every_exception(self):
        import skiff.errors
        with open(skiff.errors.__file__ + "i") as stub:
            text = stub.read()
        for kind in skiff.errors.BY_CODE.values():
            self.assertIn(f"class {kind.__name__}(SkiffError", text)
            self.assertIs(getattr(skiff, kind.__name__), kind)
        self.assertEqual(text.count("class "), len(skiff.errors.BY_CODE) + 1)


if __name__ == "__main__":
    warnings.simplefilter("error", ResourceWarning)
    unittest.main()
