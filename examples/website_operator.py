#!/usr/bin/env python3
"""An operator, and a test of it: a Website is a ConfigMap with the label
"example.com/website"; the controller keeps a Deployment for each and writes back how it is doing.
Websites without an image are refused when they are written.

    python3 examples/website_operator.py

Pods are simulated, so it needs nothing.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bindings", "python"))

import skiff  # noqa: E402

LABEL = "example.com/website"


@skiff.admission("websites.example.com", ["configmaps"], verbs=["CREATE", "UPDATE"])
def has_image(review: skiff.Review) -> None:
    website = review.object
    if LABEL in website["metadata"].get("labels", {}) and not website.get("data", {}).get("image"):
        raise skiff.Denied("a website needs data.image")


@skiff.controller("website-controller", "configmaps", labels=LABEL, owns=["deployments"])
def reconcile(cluster: skiff.ControllerClient, namespace: str, name: str) -> None:
    try:
        website = cluster.get("configmaps", name, namespace)
    except skiff.NotFoundError:
        return  # Its Deployment goes with it: the cluster collects what has lost its owner.
    meta, data = website["metadata"], website["data"]
    labels = {"website": name}
    outcome = cluster.apply({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [{
            "apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": meta["uid"],
            "controller": True}]},
        "spec": {"replicas": int(data.get("replicas", "1")), "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                     {"name": "web", "image": data["image"]}]}}}})[0]["outcome"]
    if outcome != "unchanged":
        cluster.record_event("configmaps", name, "Deployed", f"Deployment {outcome}", namespace)
    status = cluster.get("deployments", name, namespace).get("status", {})
    serving = str(status.get("availableReplicas", 0))
    if data.get("serving") != serving:
        cluster.update({**website, "data": {**data, "serving": serving}}, namespace)


def website(name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": name, "labels": {LABEL: ""}}}


def main() -> None:
    with skiff.Cluster(runtime="fake", controllers=[reconcile], admission=[has_image]) as cluster:
        cluster.apply(website("blog", image="blog:v1", replicas="2"))
        cluster.wait("configmaps", "blog", "jsonpath={.data.serving}=2", timeout=60)
        cluster.apply(website("blog", image="blog:v1", replicas="3"))
        cluster.wait("configmaps", "blog", "jsonpath={.data.serving}=3", timeout=60)
        print("blog is served by 3 pods")
        with cluster.watch("deployments", "default") as watch:
            watch.next()  # It is there.
            cluster.delete("deployments", "blog")  # Somebody's mistake.
            next(event for event in watch if event.type == "DELETED")
        cluster.wait("deployments", "blog", "create", timeout=60)
        cluster.wait("deployments", "blog", "condition=Available", timeout=60)
        print("and again, after its Deployment was deleted")
        try:
            cluster.apply(website("shop"))
        except skiff.ForbiddenError as refused:
            print(refused)
        cluster.delete("configmaps", "blog")
        cluster.wait("deployments", "blog", "delete", timeout=60)
        print("its Deployment went with it")


if __name__ == "__main__":
    main()
