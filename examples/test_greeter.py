#!/usr/bin/env python3
"""A controller as a plain client, which watches and applies from a thread of its own, and its tests
with pytest. It keeps a Deployment for every ConfigMap that has the label "greeting".

    SKIFF_LIBRARY=build/libskiff.so PYTHONPATH=bindings/python \\
        python3 -m pytest -p skiff.pytest_plugin examples/test_greeter.py
"""
import threading

import pytest

import skiff

SOON = 30


class Greeter(threading.Thread):
    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.watch = cluster.watch("configmaps", "default", labels="greeting")

    def run(self):
        for event in self.watch:
            if event.type == "DELETED":
                continue
            while not self.reconcile(event.object["metadata"]):
                pass  # A real one would pause.

    def reconcile(self, owner):
        labels = {"greets": owner["name"]}
        try:
            self.cluster.apply({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": owner["name"], "ownerReferences": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"],
                    "uid": owner["uid"], "controller": True}]},
                "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                         "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                             {"name": "greeter", "image": "greeter:v1"}]}}}})
        except skiff.SkiffError:
            return self.watch.closed
        return True

    def stop(self):
        self.watch.close()
        self.join()


@pytest.fixture(scope="module")
def skiff_options():
    return {"nodes": 2}


@pytest.fixture
def cluster(skiff_cluster):
    greeter = Greeter(skiff_cluster)
    greeter.start()
    yield skiff_cluster
    greeter.stop()


def greet(cluster, name):
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "labels": {"greeting": "yes"}}})
    # The greeter is a thread: for what it does, real time is waited.
    cluster.wait("deployment", name, "create", timeout=SOON)
    cluster.wait("deployment", name, "condition=Available", timeout=SOON)


def test_every_config_map_with_the_label_gets_its_deployment(cluster):
    greet(cluster, "hello")
    cluster.settle()
    cluster.assert_idle(600)


def test_a_write_that_fails_is_made_up_for(cluster):
    cluster.fail_writes(2, verb="create", kind="deployments")
    greet(cluster, "again")


def test_greetings_go_on_when_a_node_dies(cluster):
    greet(cluster, "hello")
    cluster.kill_node("node-0")
    cluster.advance(600)
    cluster.wait("deployment", "hello", "jsonpath={.status.readyReplicas}=2", timeout=SOON)


def test_what_is_greeted_no_more_is_collected(cluster):
    greet(cluster, "brief")
    cluster.delete("configmap", "brief")
    cluster.wait("deployment", "brief", "delete", timeout=SOON)
    cluster.advance(60)
    assert cluster.list("pods") == []
