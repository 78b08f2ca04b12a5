"""Fixtures for pytest: a cluster in virtual time for each test, in the state that all share.

    def test_a_job_is_retried(skiff_cluster):
        skiff_cluster.apply(...)
        skiff_cluster.advance(3600)

The cluster is opened once a module and put back for each test, which takes a few milliseconds. A
module, or a conftest.py, overrides `skiff_options` (arguments of skiff.Cluster) and `skiff_prepare`
(what every test finds in the cluster already):

    @pytest.fixture(scope="module")
    def skiff_options():
        return {"nodes": 3}

    @pytest.fixture(scope="module")
    def skiff_prepare():
        return lambda cluster: cluster.apply(CONFIG)

The seed is SKIFF_SEED of the environment, or a new one each time; the report of a failed test says
which. Found by itself where the package is installed; else: pytest -p skiff.pytest_plugin
"""
from __future__ import annotations

import os
import random
from typing import Any, Callable, Dict, Iterator

import pytest

from .cluster import Cluster

_seeds: Dict[str, int] = {}  # By module.


def _seed() -> int:
    given = os.environ.get("SKIFF_SEED")
    if given is None:
        return random.SystemRandom().getrandbits(64)
    if not (given.isascii() and given.isdigit() and int(given) < 1 << 64):
        raise ValueError(f"SKIFF_SEED: {given!r} is no number from 0 to 2**64 - 1")
    return int(given)


@pytest.fixture(scope="module")
def skiff_options() -> Dict[str, Any]:
    """Arguments of skiff.Cluster beside the defaults: runtime fake, clock virtual, the seed."""
    return {}


@pytest.fixture(scope="module")
def skiff_prepare() -> Callable[[Cluster], Any]:
    """Called once with the new cluster, before any test."""
    return lambda cluster: None


@pytest.fixture(scope="module")
def skiff_shared_cluster(request: Any, skiff_options: Dict[str, Any],
                         skiff_prepare: Callable[[Cluster], Any]) -> Iterator[Any]:
    """The module's cluster, and its state after skiff_prepare."""
    options = {"runtime": "fake", "clock": "virtual", **skiff_options}
    if options["clock"] == "virtual":
        options.setdefault("seed", _seed())
        _seeds[request.node.nodeid] = options["seed"]
    with Cluster(**options) as cluster:
        skiff_prepare(cluster)
        cluster.settle()
        yield cluster, cluster.save()


@pytest.fixture
def skiff_cluster(skiff_shared_cluster: Any) -> Cluster:
    cluster, saved = skiff_shared_cluster
    cluster.restore(saved)
    return cluster


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    module = item.getparent(pytest.Module)
    seed = None if module is None else _seeds.get(module.nodeid)
    uses = "skiff_shared_cluster" in getattr(item, "fixturenames", ())
    if report.failed and uses and seed is not None:
        report.sections.append(("skiff", f"SKIFF_SEED={seed} runs it again as it was"))
