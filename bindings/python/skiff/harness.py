"""Clusters for tests: time, order and mishaps are the test's to choose."""
from __future__ import annotations

import ctypes
import datetime
import json
import math
import weakref
from typing import Any, Dict, Iterable, List

from . import errors
from ._arguments import number, text
from ._library import Deadline, lib, take

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_PIECE = 0.2  # Seconds that a wait in C may be deaf to Ctrl-C.


def _free(pointer: ctypes.c_void_p) -> None:
    lib.skiff_saved_free(ctypes.byref(pointer))


class SavedCluster:
    """All of a cluster at one moment, see Cluster.save."""

    def __init__(self, pointer: ctypes.c_void_p):
        self._pointer = pointer
        self._free = weakref.finalize(self, _free, pointer)


def _ms(seconds: float) -> int:
    if seconds != seconds:
        raise ValueError("want a number of seconds")
    return number(seconds * 1000, 64) if abs(seconds) < 1e15 else number(seconds, 64)


def set_options(options: ctypes.c_void_p, clock: str, seed: int | None, permute_order: bool,
                controllers_off: Iterable[str], members: int) -> None:
    if isinstance(controllers_off, str):
        raise TypeError("controllers_off: want several names, not one string")
    lib.skiff_options_set_clock(options, text(clock))
    if seed is not None:
        if not 0 <= seed < 1 << 64:
            raise ValueError("a seed is from 0 to 2**64 - 1")
        lib.skiff_options_set_seed(options, seed)
    lib.skiff_options_set_members(options, number(members, 32))
    lib.skiff_options_set_permute_order(options, int(permute_order))
    lib.skiff_options_set_controllers_off(options, text(",".join(controllers_off)))


class Harness:
    """The part of Cluster that test harnesses use.

    On a virtual clock (clock="virtual", with runtime="fake") time stands still but in advance,
    settle and assert_idle, and the same calls with the same seed give the same history. Time-outs
    of wait and wait_job are of real time all the same.
    """

    _handle: Any
    _clock: str

    def _call(self, function: Any, *arguments: Any) -> None:
        raise NotImplementedError

    @property
    def seed(self) -> int:
        """Of a virtual clock; 0 for a real one."""
        with self._handle as pointer:
            return lib.skiff_cluster_seed(pointer)

    @property
    def now(self) -> datetime.datetime:
        """What the cluster's clock shows."""
        with self._handle as pointer:
            ms = lib.skiff_cluster_now_ms(pointer)
        return _EPOCH + datetime.timedelta(milliseconds=ms)

    def advance(self, seconds: float) -> None:
        """Lets virtual time pass, and happen what is due in it."""
        self._call(lib.skiff_advance, _ms(seconds))

    def settle(self, timeout: float | None = 60) -> None:
        """Waits until nothing is left to do now; TimeoutError says who is busy. It takes the place
        of sleeps in tests."""
        if self._clock == "virtual":
            endless = timeout is None or timeout == math.inf
            return self._call(lib.skiff_settle, -1 if endless else _ms(max(timeout, 0)))
        deadline = Deadline(timeout)
        while True:
            left = deadline.left()
            try:
                return self._call(lib.skiff_settle,
                                  _ms(_PIECE if left is None else min(_PIECE, left)))
            except errors.TimeoutError:
                if deadline.passed():
                    raise

    def assert_idle(self, seconds: float = 60) -> None:
        """ConflictError, if a settled cluster does anything for that long of its own time."""
        self._call(lib.skiff_assert_idle, _ms(seconds))

    def inspect(self) -> Dict[str, Any]:
        """What every loop is at: queues, last plans, views, why pods are pending."""
        out = ctypes.c_void_p()
        self._call(lib.skiff_inspect, ctypes.byref(out))
        return json.loads(take(out))

    def why_pending(self, pod: str, namespace: str = "default") -> str | None:
        """Why a pod is on no node: it fits nowhere, its binding fails, or nobody looks for one;
        None if it has one, or nothing is known yet."""
        for one in self.inspect()["scheduler"]["pending"]:
            if one["pod"] == f"{namespace}/{pod}":
                return one["why"]
        return None

    def _fault(self, kind: str, **members: Any) -> None:
        given = {name: value for name, value in members.items() if value is not None}
        self._call(lib.skiff_inject_fault, json.dumps({"kind": kind, **given}).encode())

    def kill_node(self, node: str) -> None:
        """The plug is pulled: the node and its pods are gone without a word."""
        self._fault("killNode", node=node)

    def restart_node(self, node: str) -> None:
        """It starts, killed or not, neither full nor pressed, and begins anew what is bound to
        it."""
        self._fault("restartNode", node=node)

    def partition_node(self, node: str, on: bool = True) -> None:
        """Nothing gets from it to the API and back."""
        self._fault("partitionNode", node=node, on=on)

    def fill_node(self, node: str, on: bool = True) -> None:
        """All that it has for pods is taken."""
        self._fault("fillNode", node=node, on=on)

    def press_node(self, node: str, condition: str, on: bool = True) -> None:
        """MemoryPressure, DiskPressure or PIDPressure."""
        self._fault("pressNode", node=node, condition=condition, on=on)

    def crash(self, pod: str, namespace: str = "default", exit_code: int = 1,
              container: str | None = None) -> None:
        """A running container ends; without a name, the pod's first."""
        self._fault("crashContainer", name=pod, namespace=namespace, exitCode=exit_code,
                    container=container)

    def fail_writes(self, count: int = 1, verb: str | None = None, kind: str | None = None,
                    namespace: str | None = None, name: str | None = None,
                    error: str = "InternalError", message: str | None = None) -> None:
        """The next so many that match fail. verb: create, update, delete. In namespace and name *
        stands for any characters. error: InternalError, Conflict, Forbidden, ServiceUnavailable,
        Timeout, TooManyRequests."""
        self._fault("failWrites", count=count, verb=verb, objectKind=kind, namespace=namespace,
                    name=name, error=error, message=message)

    def slow_disk(self, seconds: float, member: int | None = None) -> None:
        """Every write takes that much longer; 0 ends it. With several members, of that member's
        disk, or of all of them."""
        self._fault("slowDisk", delayMs=_ms(seconds), member=member)

    def fail_disk(self, on: bool = True, member: int | None = None) -> None:
        """Every write fails as if the disk were full (ExhaustedError); reads go on. With several
        members, of that member's disk, or of all of them."""
        self._fault("failDisk", on=on, member=member)

    def kill_member(self, member: int) -> None:
        """Its power fails: what its disk has not confirmed is gone. Members count from 0."""
        self._fault("killMember", member=member)

    def restart_member(self, member: int) -> None:
        """A member, killed or not, starts again with what its disk has."""
        self._fault("restartMember", member=member)

    def partition_member(self, member: int, on: bool = True) -> None:
        """Nothing gets from it to the others and to clients, or back, while it is on."""
        self._fault("partitionMember", member=member, on=on)

    def disturb_network(self, loss: float = 0, duplicate: float = 0, delay: float = 0) -> None:
        """Of the messages between members those shares are lost or arrive twice, and each takes up
        to so many seconds. Without arguments all is well again."""
        self._fault("network", loss=loss, duplicate=duplicate, delayMs=_ms(delay))

    def heal_writes(self) -> None:
        """They fail no more, and are as fast as they can be."""
        self._fault("healWrites")

    def save(self) -> SavedCluster:
        """The whole cluster as it is now, to come back to as often as wanted."""
        pointer = ctypes.c_void_p()
        self._call(lib.skiff_save, ctypes.byref(pointer))
        return SavedCluster(pointer)

    def restore(self, saved: SavedCluster) -> None:
        """Back to it: objects, nodes, simulated pods, faults, a virtual clock. Open watches go on
        and report the differences."""
        if not isinstance(saved, SavedCluster):
            raise TypeError(f"want a SavedCluster, not {type(saved).__name__}")
        self._call(lib.skiff_restore, saved._pointer)


__all__: List[str] = ["Harness", "SavedCluster"]
