"""Controllers, admission and runtimes of the program's own."""
import gc
import logging
import queue
import threading
import unittest

import skiff
from skiff import Cluster, errors
from support import SOON, config_map


def copy_of(config):
    meta = config["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": config.get("data", {}),
            "metadata": {"name": meta["name"] + "-copy", "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "controller": True,
                 "name": meta["name"], "uid": meta["uid"]}]}}


def labelled(name, **data):
    made = config_map(name, **data)
    made["metadata"]["labels"] = {"copy": "yes"}
    return made


class ControllerTest(unittest.TestCase):
    def open(self, **options):
        cluster = Cluster(runtime="fake", nodes=0, **options)
        self.addCleanup(cluster.close)
        return cluster

    def test_a_controller_reconciles_what_it_watches_and_owns(self):
        calls = queue.Queue()

        @skiff.controller("copier", "configmaps", labels="copy=yes", owns=["configmaps"])
        def copier(cluster, namespace, name):
            try:
                config = cluster.get("configmaps", name, namespace)
            except errors.NotFoundError:
                calls.put("gone")
                return
            outcome = cluster.apply(copy_of(config), namespace)[0]["outcome"]
            if outcome == "created":
                cluster.record_event("configmaps", name, "Copied", "it was copied", namespace)
                self.assertGreater(cluster.now(), 1e9)
            calls.put(outcome)

        cluster = self.open(controllers=[copier])
        cluster.create(config_map("other"))
        cluster.create(labelled("a", text="one"))
        cluster.wait("configmaps", "a-copy", "create", timeout=SOON)
        cluster.wait("configmaps", "a-copy", "jsonpath={.data.text}=one", timeout=SOON)
        cluster.apply(labelled("a", text="two"))
        cluster.wait("configmaps", "a-copy", "jsonpath={.data.text}=two", timeout=SOON)
        uid = cluster.get("configmaps", "a-copy")["metadata"]["uid"]
        cluster.delete("configmaps", "a-copy")
        with cluster.watch("configmaps", "default", fields="metadata.name=a-copy") as watch:
            while watch.next(SOON).object["metadata"]["uid"] == uid:
                pass
        with cluster.watch("events", "default", fields="reason=Copied") as watch:
            self.assertEqual(watch.next(SOON).object["source"]["component"], "copier")
        cluster.delete("configmaps", "a")
        while calls.get(timeout=SOON) != "gone":
            pass

    def test_what_it_raises_is_logged_and_tried_again(self):
        kept = []
        done = threading.Event()

        def reconcile(cluster, namespace, name):
            kept.append(cluster)
            if len(kept) == 1:
                raise ValueError("not \0 now \udcff")
            if len(kept) == 2:
                cluster.get("configmaps", "nobody")
            if len(kept) == 3:
                return 0.001
            done.set()

        with self.assertLogs("skiff", logging.WARNING) as logs:
            cluster = self.open(
                controllers=[skiff.Controller("c", "configmaps", reconcile)])
            cluster.create(config_map("a"))
            self.assertTrue(done.wait(SOON))
        self.assertIn("controller c: default/a", logs.output[0])
        self.assertIn("ValueError", logs.output[0])
        self.assertIn('configmaps "nobody" not found', logs.output[1])
        with self.assertRaises(ValueError):
            kept[0].get("configmaps", "a")
        with self.assertRaises(ValueError):
            kept[0].now()

    def test_updates_and_their_conflicts(self):
        results = queue.Queue()

        @skiff.controller("c", "configmaps", labels="copy=yes")
        def updates(cluster, namespace, name):
            old = cluster.get("configmaps", name, namespace)
            if "by" in old.get("data", {}):
                return
            try:
                self.assertEqual(
                    cluster.update({**old, "data": {"by": "me"}}, namespace)["data"]["by"], "me")
                cluster.update({**old, "data": {"by": "again"}}, namespace)
            except errors.ConflictError:
                cluster.delete("configmaps", name, namespace)
                cluster.create(config_map("done"), namespace)
                results.put(len(cluster.list("configmaps", namespace)))

        cluster = self.open(controllers=[updates])
        cluster.create(labelled("a"))
        self.assertEqual(results.get(timeout=SOON), 1)

    def test_on_a_virtual_clock_it_is_called_in_virtual_time(self):
        calls = []

        @skiff.controller("daily", "configmaps", labels="copy=yes", owns=["configmaps"])
        def daily(cluster, namespace, name):
            cluster.apply(copy_of(cluster.get("configmaps", name, namespace)), namespace)
            calls.append(cluster.now())
            return 86400

        cluster = self.open(controllers=[daily], clock="virtual", seed=7)
        cluster.create(labelled("a", text="one"))
        cluster.settle()
        self.assertEqual(cluster.get("configmaps", "a-copy")["data"], {"text": "one"})
        seen = len(calls)
        cluster.advance(7 * 86400)
        self.assertEqual(len(calls), seen + 7)

    def test_what_it_returns_is_when_to_come_again(self):
        for answer, calls in ((0, 1), (False, 1), (None, 1), (0.0001, None), (20, 3)):
            seen = []

            def reconcile(cluster, namespace, name, answer=answer, seen=seen):
                seen.append(name)
                return answer if len(seen) < 10 else None

            cluster = self.open(controllers=[skiff.Controller("c", "configmaps", reconcile)],
                                clock="virtual")
            cluster.create(config_map("a"))
            cluster.advance(50)
            self.assertEqual(len(seen), calls or 10)
        with self.assertLogs("skiff", logging.WARNING) as logs:
            cluster = self.open(controllers=[skiff.Controller("c", "configmaps", lambda *_: -5)],
                                clock="virtual")
            cluster.create(config_map("a"))
            cluster.advance(1)
        self.assertIn("reconcile returned -5", logs.output[0])

    def test_a_callback_cannot_close_its_cluster(self):
        for clock in "real", "virtual":
            raised = queue.Queue()

            def reconcile(_, namespace, name, raised=raised):
                try:
                    opened[0].close()
                except errors.ConflictError as error:
                    raised.put(str(error))

            opened = [self.open(controllers=[skiff.Controller("c", "configmaps", reconcile)],
                                clock=clock)]
            opened[0].create(config_map("a"))
            opened[0].settle(SOON)
            self.assertEqual(raised.get(timeout=SOON),
                             "a callback of the cluster must not close it")
            self.assertEqual(len(opened[0].list("configmaps")), 1)

    def test_one_that_cannot_be_is_refused(self):
        def nothing(*_):
            pass

        with self.assertRaises(TypeError):
            self.open(controllers=[skiff.Controller("c", "configmaps", None)])
        with self.assertRaises(TypeError):
            self.open(admission=[skiff.AdmissionHook("a.example.com", ["configmaps"], None)])
        with self.assertRaisesRegex(errors.InvalidError, "one of its own of that name"):
            self.open(controllers=[skiff.Controller("job-controller", "configmaps", nothing)])

    def test_an_unclosed_cluster_with_callbacks_is_closed_when_collected(self):
        called = threading.Event()
        cluster = Cluster(runtime="fake", nodes=0, controllers=[
            skiff.Controller("c", "configmaps", lambda *_: called.set())])
        cluster.create(config_map("a"))
        self.assertTrue(called.wait(SOON))
        with self.assertWarns(ResourceWarning):
            del cluster
            gc.collect()

    def test_what_cannot_be_is_refused_by_name(self):
        with self.assertRaisesRegex(errors.NotFoundError, 'controller "c"'):
            self.open(controllers=[skiff.Controller("c", "shops", lambda *_: None)])
        with self.assertRaisesRegex(errors.InvalidError, '"PATCH" is not one of'):
            self.open(admission=[skiff.AdmissionHook("h", ["pods"], lambda _: None,
                                                     verbs=["PATCH"])])
        with self.assertRaises(TypeError):
            self.open(controllers=[skiff.Controller(7, "pods", lambda *_: None)])


class AdmissionTest(unittest.TestCase):
    def test_hooks_refuse_and_change_writes(self):
        reviews = []

        @skiff.admission("checks", ["configmaps"])
        def checks(review):
            reviews.append((review.verb, review.kind, review.namespace, review.name,
                            review.object is not None, review.old_object is not None))
            if review.name == "denied":
                raise skiff.Denied("not that name")
            if review.name == "broken":
                raise KeyError("oh")
            if review.name == "caller":
                cluster.get("configmaps", "fine")

        @skiff.admission("labels", ["configmaps"], mutating=True, verbs=["CREATE"])
        def labels(review):
            review.object["metadata"]["labels"] = {"team": "blue"}
            return review.object

        cluster = Cluster(runtime="fake", nodes=0, admission=[checks, labels])
        self.addCleanup(cluster.close)
        created = cluster.create(config_map("fine"))
        self.assertEqual(created["metadata"]["labels"], {"team": "blue"})
        cluster.delete("configmaps", "fine")
        self.assertEqual(reviews, [("CREATE", "ConfigMap", "default", "fine", True, False),
                                   ("DELETE", "ConfigMap", "default", "fine", False, True)])
        with self.assertRaisesRegex(
                errors.ForbiddenError,
                'admission webhook "checks" denied the request: not that name') as raised:
            cluster.create(config_map("denied"))
        self.assertEqual(raised.exception.reason, "Forbidden")
        with self.assertLogs("skiff", logging.ERROR):
            with self.assertRaisesRegex(errors.InternalError, "KeyError: 'oh'"):
                cluster.create(config_map("broken"))
        with self.assertLogs("skiff", logging.WARNING):
            with self.assertRaisesRegex(errors.InternalError, "must not call it"):
                cluster.create(config_map("caller"))


class Machines(skiff.Runtime):
    name = "vm"

    def __init__(self):
        self.started = queue.Queue()
        self.stopped = []

    def start(self, container):
        if container.spec["image"] == "broken:v1":
            raise skiff.CannotStart("no such machine")
        self.started.put(container)

    def stop(self, container, force):
        self.stopped.append((container.pod["name"], force))
        if not force:
            container.exited(0)


def pod(name, image="x:v1", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}],
                     **spec}}


class RuntimeTest(unittest.TestCase):
    def test_a_runtime_runs_pods_and_reports_on_them(self):
        machines = Machines()
        cluster = Cluster(runtime=machines)
        self.addCleanup(cluster.close)
        cluster.create(pod("one"))
        one = machines.started.get(timeout=SOON)
        self.assertEqual((one.node, one.pod["name"], one.spec["image"]), ("node-0", "one", "x:v1"))
        one.running()
        cluster.wait("pods", "one", "condition=Ready", timeout=SOON)
        one.write_log("hello\n")
        one.write_log(b"\xff\n")
        with self.assertRaises(TypeError):
            one.write_log(5)
        self.assertEqual(cluster.logs("one"), b"hello\n\xff\n")
        one.exited(3, "broke")
        cluster.wait("pods", "one", "jsonpath={.status.phase}=Failed", timeout=SOON)
        cluster.create(pod("broken", "broken:v1"))
        cluster.wait("pods", "broken", "jsonpath={.status.phase}=Failed", timeout=SOON)

        cluster.create(pod("two"))
        machines.started.get(timeout=SOON).running()
        cluster.wait("pods", "two", "condition=Ready", timeout=SOON)
        cluster.delete("pods", "two")
        cluster.wait("pods", "two", "delete", timeout=SOON)
        cluster.create(pod("three"))
        three = machines.started.get(timeout=SOON)
        three.running()
        cluster.wait("pods", "three", "condition=Ready", timeout=SOON)
        cluster.close()
        self.assertEqual(machines.stopped[0], ("two", False))
        self.assertEqual(machines.stopped[1][0], "three")
        three.exited(0)  # Nobody is there to hear it.

    def test_a_runtime_class_chooses_it(self):
        machines = Machines()
        with Cluster(runtime="fake", runtimes=[machines]) as cluster:
            cluster.create(pod("simulated"))
            cluster.wait("pods", "simulated", "condition=Ready", timeout=SOON)
            cluster.create(pod("one", runtimeClassName="vm"))
            machines.started.get(timeout=SOON).running()
            cluster.wait("pods", "one", "condition=Ready", timeout=SOON)


if __name__ == "__main__":
    unittest.main()
