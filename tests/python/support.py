"""What the tests share: manifests for simulated pods, and a cluster for a whole class."""
import os
import signal
import threading
import time
import unittest

from skiff import Cluster

SOON = 60  # A generous bound for what ought to come at once, in seconds.


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name, output="", **annotations):
    """A simulated pod that runs for ever."""
    annotations = {f"fake.skiff.dev/{key.replace('_', '-')}": str(value)
                   for key, value in {"output": output, **annotations}.items()}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": "x:v1"}]}}


def job(name, output="", exit_code=0, run_seconds=0):
    """A simulated job; run_seconds None: it never ends."""
    annotations = {"output": output, "exit-code": exit_code}
    if run_seconds is not None:
        annotations["run-seconds"] = run_seconds
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"annotations": {f"fake.skiff.dev/{key}": str(value)
                                         for key, value in annotations.items()}},
            "spec": {"restartPolicy": "Never",
                     "containers": [{"name": "work", "image": "work:v1"}]}}},
    }


class ClusterTest(unittest.TestCase):
    """Each test has a cluster of its own, in memory, with one simulated node."""

    nodes = 1

    def setUp(self):
        self.cluster = Cluster(runtime="fake", nodes=self.nodes)
        self.addCleanup(self.cluster.close)

    def interrupted(self, call):
        """Calls, while Ctrl-C is pressed again and again; how long the call went on after the first
        one, in seconds."""
        pressed = []
        done = threading.Event()

        def press():
            while not done.wait(0.05):
                pressed.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)

        presser = threading.Thread(target=press)
        try:
            with self.assertRaises(KeyboardInterrupt):
                presser.start()
                call()
            took = time.monotonic() - pressed[0]
        finally:
            while True:
                try:
                    done.set()
                    presser.join()
                    break
                except KeyboardInterrupt:
                    continue
        return took
