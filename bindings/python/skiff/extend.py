"""Controllers, admission and runtimes of the program's own.

    @skiff.controller("shops", "configmaps", labels="shop", owns=["deployments"])
    def shops(cluster, namespace, name):
        ...                                       # Bring the cluster to what the object says.

    @skiff.admission("no-latest.example.com", ["deployments"])
    def no_latest(review):
        if ...:
            raise skiff.Denied("images need a tag of their own")

    with Cluster(runtime="fake", controllers=[shops], admission=[no_latest]) as cluster:
        ...

They are called on threads of the cluster. What they raise is the error of that call and goes to the
logger "skiff" as well.
"""
from __future__ import annotations

import _thread
import ctypes
import json
import logging
import math
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from . import errors
from ._arguments import Manifest, grace_ms, manifest, number, text
from ._library import lib, take

log = logging.getLogger("skiff")
log.addHandler(logging.NullHandler())  # Silent unless the program wants to hear.

_INTERNAL, _FORBIDDEN, _INVALID = 12, 5, 1


class Denied(Exception):
    """Raised by an admission hook: the write is refused, and this is why."""


class CannotStart(Exception):
    """Raised by Runtime.start: the container can never start as it is, and this is why."""


# ---- controllers


class ControllerClient:
    """The cluster as a controller's callback sees it, for the time of the call. Objects are dicts;
    reads are of the latest state."""

    def __init__(self, pointer: int):
        self._pointer: Optional[int] = pointer

    def _inside(self) -> int:
        if self._pointer is None:
            raise ValueError("a controller's cluster is for the time of one call")
        return self._pointer

    def _call(self, function: Any, *arguments: Any) -> None:
        error = ctypes.c_void_p()
        errors.check(function(self._inside(), *arguments, ctypes.byref(error)), error)

    def _ask(self, function: Any, *arguments: Any) -> Any:
        out = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(out))
        return json.loads(take(out))

    def get(self, kind: str, name: str, namespace: str = "default") -> Dict[str, Any]:
        return self._ask(lib.skiff_controller_get, text(kind), text(namespace), text(name))

    def list(self, kind: str, namespace: str | None = None, labels: str | None = None,
             fields: str | None = None) -> List[Dict[str, Any]]:
        return self._ask(lib.skiff_controller_list, text(kind), text(namespace), text(labels),
                         text(fields))["items"]

    def apply(self, what: Manifest, namespace: str = "default") -> List[Dict[str, str]]:
        return self._ask(lib.skiff_controller_apply, manifest(what), text(namespace))

    def create(self, what: Manifest, namespace: str = "default") -> Dict[str, Any]:
        return self._ask(lib.skiff_controller_create, manifest(what), text(namespace))

    def update(self, what: Manifest, namespace: str = "default") -> Dict[str, Any]:
        """Replaces one object. ConflictError: its resourceVersion, if it has one, is not the
        latest."""
        return self._ask(lib.skiff_controller_update, manifest(what), text(namespace))

    def update_status(self, what: Manifest, namespace: str = "default") -> Dict[str, Any]:
        """Replaces the status of one object, and nothing else of it."""
        return self._ask(lib.skiff_controller_update_status, manifest(what), text(namespace))

    def delete(self, kind: str, name: str, namespace: str = "default",
               grace: float | None = None) -> None:
        self._call(lib.skiff_controller_delete, text(kind), text(namespace), text(name),
                   grace_ms(grace))

    def record_event(self, kind: str, name: str, reason: str, message: str,
                     namespace: str = "default", type: str = "Normal") -> None:
        """An Event about an object, as `kubectl describe` shows it."""
        self._call(lib.skiff_controller_record_event, text(kind), text(namespace), text(name),
                   text(type), text(reason), text(message))

    def now(self) -> float:
        """The cluster's clock, in seconds since 1970."""
        return lib.skiff_controller_now_ms(self._inside()) / 1000


@dataclass
class Controller:
    """Calls `reconcile(cluster, namespace, name)` when an object of its kind (that the label
    selector chooses), or one of a kind in `owns` that it controls, has appeared, changed or gone,
    and at the start for each that is there: on a thread of its own, one call at a time. A number
    above 0 that it returns asks for another call after so many seconds; what it raises, for one
    after 5 ms, 10 ms, 20 ms … up to a minute."""

    name: str
    kind: str
    reconcile: Callable[[ControllerClient, str, str], Optional[float]]
    labels: Optional[str] = None
    owns: Sequence[str] = ()

    def __call__(self, cluster: ControllerClient, namespace: str, name: str) -> Optional[float]:
        return self.reconcile(cluster, namespace, name)


def controller(name: str, kind: str, labels: str | None = None,
               owns: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Controller]:
    """Makes a Controller of a function."""
    return lambda function: Controller(name, kind, function, labels, owns)


# ---- admission


@dataclass
class Review:
    """A write that a hook is asked about."""

    verb: str  # CREATE, UPDATE, DELETE
    kind: str
    namespace: str
    name: str
    object: Optional[Dict[str, Any]]  # What is to be stored; None for a DELETE.
    old_object: Optional[Dict[str, Any]]  # What is stored; None for a CREATE.
    dry_run: bool


@dataclass
class AdmissionHook:
    """Calls `review(Review)` for every write of the kinds, whoever makes it. It raises Denied to
    refuse it; a mutating one may return the object that is to be stored instead. What else it
    raises lets nothing pass. In the midst of the write, on any thread, several calls at once: it
    must be quick and not call the cluster."""

    name: str
    kinds: Sequence[str]
    review: Callable[[Review], Optional[Dict[str, Any]]]
    mutating: bool = False
    verbs: Sequence[str] = ()  # Of CREATE, UPDATE, DELETE; empty: all.

    def __call__(self, review: Review) -> Optional[Dict[str, Any]]:
        return self.review(review)


def admission(name: str, kinds: Sequence[str], mutating: bool = False,
              verbs: Sequence[str] = ()) -> Callable[[Callable[..., Any]], AdmissionHook]:
    """Makes an AdmissionHook of a function."""
    return lambda function: AdmissionHook(name, kinds, function, mutating, verbs)


# ---- runtimes


class Container:
    """One start of a container, to report on: from any thread, at any time. `pod` and `spec` say
    what to run, as skiff_container_pod and skiff_container_spec have it."""

    def __init__(self, pointer: int, forget: Callable[[str], object]):
        self._forget = forget
        self._pointer = ctypes.c_void_p(pointer)
        self._free = weakref.finalize(self, lib.skiff_container_free, ctypes.byref(self._pointer))
        self.id: str = lib.skiff_container_id(pointer).decode()
        self.node: str = lib.skiff_container_node(pointer).decode()
        self.pod: Dict[str, Any] = json.loads(lib.skiff_container_pod(pointer))
        self.spec: Dict[str, Any] = json.loads(lib.skiff_container_spec(pointer))

    def running(self) -> None:
        """It runs now: the pod may become Ready."""
        self._report(lib.skiff_container_running)

    def exited(self, code: int = 0, message: str = "") -> None:
        """It has ended; what is reported after that is ignored."""
        self._report(lib.skiff_container_exited, number(code, 32), text(message))
        self._forget(self.id)

    def write_log(self, data: str | bytes) -> None:
        """More output, in pieces of any size."""
        data = data.encode() if isinstance(data, str) else memoryview(data).tobytes()
        self._report(lib.skiff_container_write_log, data, len(data))

    def _report(self, function: Any, *arguments: Any) -> None:
        error = ctypes.c_void_p()
        errors.check(function(self._pointer, *arguments, ctypes.byref(error)), error)


class Runtime:
    """What runs the pods whose runtimeClassName is its name, a DNS label. Both methods are called
    on threads of the cluster, several at once but never two for one pod, and must not call the
    cluster."""

    name = ""

    def start(self, container: Container) -> None:
        """Begins to run it; container.running() and container.exited() tell the rest. Raises
        CannotStart if it never can; what else it raises is tried again."""
        raise NotImplementedError

    def stop(self, container: Container, force: bool) -> None:
        """It shall end: soon; or, with `force`, at once, and counts as killed."""
        raise NotImplementedError


# ---- how C calls

_V, _S, _I, _L = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64
_RECONCILE = ctypes.CFUNCTYPE(_I, _V, _V, _S, _S, ctypes.POINTER(_L), ctypes.POINTER(_V))
_REVIEW = ctypes.CFUNCTYPE(_I, _V, _V, ctypes.POINTER(_V))
_START = ctypes.CFUNCTYPE(_I, _V, _V, ctypes.POINTER(_V))
_STOP = ctypes.CFUNCTYPE(None, _V, _S, _I)
_DESTROY = ctypes.CFUNCTYPE(None, _V)

for _name, _arguments in {
    "skiff_options_add_controller": (_V, _S, _S, _S, _S, _RECONCILE, _V, _DESTROY),
    "skiff_options_add_admission": (_V, _S, _S, _S, _I, _REVIEW, _V, _DESTROY),
    "skiff_options_add_runtime": (_V, _S, _START, _STOP, _V, _DESTROY),
}.items():
    getattr(lib, _name).restype, getattr(lib, _name).argtypes = None, _arguments
_NO_DESTROY = _DESTROY()


def _fail(what: str, raised: BaseException, error: Any) -> int:
    """The code and the error of what a callback has raised."""
    if isinstance(raised, KeyboardInterrupt):
        _thread.interrupt_main()  # Not for the callback: for who waits outside.
    code, message = _INTERNAL, f"{type(raised).__name__}: {raised}"
    if isinstance(raised, errors.SkiffError):
        code, message = raised.code, str(raised)
        log.warning("%s: %s", what, message)
    else:
        log.error("%s", what, exc_info=raised)
    return _say(code, message, error)


def _say(code: int, message: str, error: Any) -> int:
    safe = message.replace("\0", "").encode(errors="replace")
    error[0] = lib.skiff_error_new(code, safe)
    return code


_inside = threading.local()


def _within(mark: object, call: Callable[..., Any]) -> Callable[..., Any]:
    """A callback of the cluster that the mark stands for."""
    def inner(*arguments: Any) -> Any:
        before = getattr(_inside, "of", ())
        _inside.of = (*before, mark)
        try:
            return call(*arguments)
        finally:
            _inside.of = before

    return inner


def calling(callbacks: List[Any]) -> bool:
    """Whether this thread is in one of what `add` returned."""
    return any(mark is callbacks[0] for mark in getattr(_inside, "of", ()))


def _reconcile(definition: Controller, mark: object) -> Any:
    def call(_: Any, pointer: int, namespace: bytes, name: bytes, requeue_after_ms: Any,
             error: Any) -> int:
        cluster = ControllerClient(pointer)
        try:
            again = definition.reconcile(cluster, namespace.decode(), name.decode())
            if again:
                if again < 0:
                    raise ValueError(f"reconcile returned {again}: a call after less than 0 s")
                requeue_after_ms[0] = number(math.ceil(min(again, 1e12) * 1000), 64)
            return 0
        except BaseException as raised:  # noqa: B902: nothing may pass through C.
            return _fail(f"controller {definition.name}: {namespace.decode()}/{name.decode()}",
                         raised, error)
        finally:
            cluster._pointer = None

    return _RECONCILE(_within(mark, call))


def _object(encoded: bytes) -> Optional[Dict[str, Any]]:
    return json.loads(encoded) if encoded else None


def _review(hook: AdmissionHook, mark: object) -> Any:
    def call(_: Any, pointer: int, error: Any) -> int:
        try:
            answer = hook.review(Review(
                lib.skiff_admission_verb(pointer).decode(),
                lib.skiff_admission_kind(pointer).decode(),
                lib.skiff_admission_namespace(pointer).decode(),
                lib.skiff_admission_name(pointer).decode(),
                _object(lib.skiff_admission_object(pointer)),
                _object(lib.skiff_admission_old_object(pointer)),
                bool(lib.skiff_admission_dry_run(pointer))))
            if answer is None:
                return 0
            failed = _V()
            errors.check(lib.skiff_admission_set_object(pointer, manifest(answer),
                                                        ctypes.byref(failed)), failed)
            return 0
        except Denied as denied:
            return _say(_FORBIDDEN, str(denied), error)
        except BaseException as raised:  # noqa: B902
            code = _fail(f"admission hook {hook.name}", raised, error)
            return _INTERNAL if code == _FORBIDDEN else code  # It failed, and denied nothing.

    return _REVIEW(_within(mark, call))


def _run(runtime: Runtime, mark: object) -> tuple[Any, Any]:
    running: Dict[str, Container] = {}

    def start(_: Any, pointer: int, error: Any) -> int:
        # Kept here: the runtime need not.
        container = Container(pointer, lambda ended: running.pop(ended, None))
        running[container.id] = container
        try:
            runtime.start(container)
            return 0
        except BaseException as raised:  # noqa: B902
            running.pop(container.id, None)
            if isinstance(raised, CannotStart):
                return _say(_INVALID, str(raised), error)
            code = _fail(f"runtime {runtime.name}: start {container.id}", raised, error)
            return _INTERNAL if code == _INVALID else code

    def stop(_: Any, container_id: bytes, force: int) -> None:
        container = running.get(container_id.decode())
        if container is None:
            return
        if force:
            running.pop(container.id, None)
        try:
            runtime.stop(container, bool(force))
        except BaseException as raised:  # noqa: B902
            log.error("runtime %s: stop %s", runtime.name, container.id, exc_info=raised)

    return _START(_within(mark, start)), _STOP(_within(mark, stop))


def add(options: ctypes.c_void_p, controllers: Iterable[Controller],
        hooks: Iterable[AdmissionHook], runtimes: Iterable[Runtime]) -> List[Any]:
    """Adds them to the options of a cluster. What is returned must live as long as that."""
    kept: List[Any] = [object()]  # The first stands for the cluster.
    for each in controllers:
        if not callable(each.reconcile):
            raise TypeError(f"controller {each.name}: reconcile is not callable")
        kept.append(_reconcile(each, kept[0]))
        lib.skiff_options_add_controller(options, text(each.name), text(each.kind),
                                         text(each.labels), text(",".join(each.owns)), kept[-1],
                                         None, _NO_DESTROY)
    for hook in hooks:
        if not callable(hook.review):
            raise TypeError(f"admission hook {hook.name}: review is not callable")
        kept.append(_review(hook, kept[0]))
        lib.skiff_options_add_admission(options, text(hook.name), text(",".join(hook.kinds)),
                                        text(",".join(hook.verbs)), int(hook.mutating), kept[-1],
                                        None, _NO_DESTROY)
    for runtime in runtimes:
        kept.extend(_run(runtime, kept[0]))
        lib.skiff_options_add_runtime(options, text(runtime.name), kept[-2], kept[-1], None,
                                      _NO_DESTROY)
    return kept
