"""A Kubernetes cluster inside this process."""
from __future__ import annotations

import ctypes
import json
import os
import time
import warnings
import weakref
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, TypeVar

from . import errors, extend
from ._arguments import Manifest, grace_ms
from ._arguments import manifest as _manifest
from ._arguments import number as _number
from ._arguments import text as _text
from ._library import Deadline, Handle, lib, take
from .harness import Harness, set_options
from .members import Member, Members, set_member
from .streams import LogStream, Watch

T = TypeVar("T")
_RESUMES = 20  # How often a log stream is taken up again without a byte in between.


@dataclass
class ContainerResult:
    pod: str
    container: str
    exit_code: int
    reason: str
    message: str


@dataclass
class JobResult:
    """How a job ended: both ends are results."""

    name: str
    succeeded: bool
    reason: str
    message: str
    containers: List[ContainerResult] = field(default_factory=list)


def _field_value(name: str) -> str:
    return "".join("\\" + c if c in "\\,=" else c for c in name)


def _ended(job: dict[str, Any]) -> Any:
    """The condition that says that a job is over."""
    for condition in job.get("status", {}).get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return condition
    return None


def _started(pod: dict[str, Any], container: str | None) -> bool:
    """Whether a container has, or ever had, something to say."""
    status = pod.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    for one in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
        if container in (None, "", one["name"]):
            states = {**one.get("lastState", {}), **one.get("state", {})}
            if "running" in states or "terminated" in states:
                return True
    return False


def check_host() -> list[dict[str, Any]]:
    """What this host's kernel and rights allow: name, ok, detail, remedy."""
    out, error = ctypes.c_void_p(), ctypes.c_void_p()
    errors.check(lib.skiff_check_host(ctypes.byref(out), ctypes.byref(error)), error)
    return json.loads(take(out))


def _abandon(handle: Handle, callbacks: List[Any]) -> None:
    """A cluster was collected, or the interpreter ends, and nobody has closed it. Until that is
    done, C may call the callbacks."""
    warnings.warn("a skiff.Cluster was never closed: use it in a with statement", ResourceWarning)
    handle.close(lambda pointer: lib.skiff_cluster_close(ctypes.byref(pointer), 0, None))
    callbacks.clear()


class Cluster(Members, Harness):
    """Opens a cluster; use it in a with statement, or close() it.

    data_dir: where everything is kept; None: in memory.  nodes: how many.  runtime: "linux",
    "process", "fake", or a Runtime.  listen: "HOST:PORT" to serve the API at, or None.  verbosity:
    log lines on standard error, 0 (none) to 4.  controllers, admission, runtimes: the program's own
    (see extend).  member: which one of a control plane of several this is (see Members), or None;
    needs a data_dir.  For tests (see Harness): clock: "real" or "virtual".  seed: of what is drawn
    on a virtual clock; None: one is drawn.  permute_order: what is due at one instant happens in an
    order of the seed's.  controllers_off: names of controllers that are not to run.  members: of
    the control plane, 1 to 7, all in this process: several keep what they store in memory; on a
    virtual clock they need "fake" and cannot listen.

    Any thread may call, any number at once; the interpreter's lock is not held meanwhile, and waits
    heed Ctrl-C. A timeout is in seconds, None being for ever; when it has passed, TimeoutError says
    what the object is like instead. Failures are SkiffErrors, one class a code.
    """

    def __init__(self, data_dir: str | os.PathLike[str] | None = None, nodes: int = 1,
                 runtime: str | extend.Runtime = "linux", listen: str | None = None,
                 verbosity: int = 0, controllers: Iterable[extend.Controller] = (),
                 admission: Iterable[extend.AdmissionHook] = (),
                 runtimes: Iterable[extend.Runtime] = (), clock: str = "real",
                 seed: int | None = None, permute_order: bool = False,
                 controllers_off: Iterable[str] = (), member: Member | None = None,
                 members: int = 1):
        runtimes = list(runtimes)
        if isinstance(runtime, extend.Runtime):
            if runtime not in runtimes:
                runtimes.append(runtime)
            runtime = runtime.name
        texts = [_text(None if data_dir is None else os.fsencode(data_dir)), _text(runtime),
                 _text(listen)]
        numbers = [_number(nodes, 32), _number(verbosity, 32)]
        pointer, error = ctypes.c_void_p(), ctypes.c_void_p()
        options = ctypes.c_void_p(lib.skiff_options_new())
        if not options.value:
            raise MemoryError
        lib.skiff_options_set_data_dir(options, texts[0])
        lib.skiff_options_set_runtime(options, texts[1])
        lib.skiff_options_set_listen(options, texts[2])
        lib.skiff_options_set_nodes(options, numbers[0])
        lib.skiff_options_set_verbosity(options, numbers[1])
        try:
            set_member(options, member)
            set_options(options, clock, seed, permute_order, controllers_off, members)
            callbacks = extend.add(options, controllers, admission, runtimes)
            code = lib.skiff_cluster_open(options, ctypes.byref(pointer), ctypes.byref(error))
        finally:
            lib.skiff_options_free(ctypes.byref(options))
        errors.check(code, error)
        self._url = lib.skiff_cluster_url(pointer).decode()
        self._kubeconfig = lib.skiff_cluster_kubeconfig(pointer).decode()
        self._handle = Handle(pointer, lambda: errors.UnavailableError("the cluster is closed"))
        self._abandoned = weakref.finalize(self, _abandon, self._handle, callbacks)
        self._callbacks = callbacks
        self._clock = clock

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, stop_pods: bool = True) -> None:
        """Stops everything; with stop_pods=False and a data_dir, pods go on and the next cluster
        opened there finds them. Its watches end with UnavailableError, and so do calls under way on
        other threads, though a write among them may have been done, or be done yet by other
        members. May be repeated; not from a callback of the cluster: ConflictError."""
        if extend.calling(self._callbacks):
            raise errors.ConflictError("a callback of the cluster must not close it")
        self._abandoned.detach()
        error, codes = ctypes.c_void_p(), []
        self._handle.close(lambda pointer: codes.append(
            lib.skiff_cluster_close(ctypes.byref(pointer), int(stop_pods), ctypes.byref(error))))
        for code in codes:
            errors.check(code, error)

    @property
    def url(self) -> str:
        """Where the API is served; "" if nowhere."""
        return self._url

    @property
    def kubeconfig(self) -> str:
        return self._kubeconfig

    def _call(self, function: Any, *arguments: Any) -> None:
        error = ctypes.c_void_p()
        with self._handle as pointer:
            code = function(pointer, *arguments, ctypes.byref(error))
        errors.check(code, error)

    def _ask(self, function: Any, *arguments: Any) -> Any:
        """A call whose last output is a JSON text."""
        out = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(out))
        return json.loads(take(out))

    def load_image(self, path: str | os.PathLike[str]) -> List[str]:
        """Loads an OCI layout or `docker save` archive; the names its images have now."""
        return self._ask(lib.skiff_image_load, _text(os.fsencode(path)))

    def apply(self, manifest: Manifest, namespace: str = "default") -> List[Dict[str, str]]:
        """As `kubectl apply`: YAML or JSON text, an object, or several. What became of each: kind,
        namespace, name, outcome."""
        return self._ask(lib.skiff_apply, _manifest(manifest), _text(namespace))

    def create(self, manifest: Manifest, namespace: str = "default") -> Dict[str, Any]:
        """Creates one object; as it is stored."""
        return self._ask(lib.skiff_create, _manifest(manifest), _text(namespace))

    def get(self, kind: str, name: str, namespace: str = "default") -> Dict[str, Any]:
        return self._ask(lib.skiff_get, _text(kind), _text(namespace), _text(name))

    def list(self, kind: str, namespace: str | None = None, labels: str | None = None,
             fields: str | None = None) -> List[Dict[str, Any]]:
        """What the selectors choose, in all namespaces if none is given."""
        return self._ask(lib.skiff_list, _text(kind), _text(namespace), _text(labels),
                         _text(fields))["items"]

    def delete(self, kind: str, name: str, namespace: str = "default",
               grace: float | None = None) -> None:
        """Begins to delete an object; fine as well if it is gone already. wait(..., "delete") waits
        until it is."""
        self._call(lib.skiff_delete, _text(kind), _text(namespace), _text(name), grace_ms(grace))

    def wait(self, kind: str, name: str, condition: str, namespace: str = "default",
             timeout: float | None = None) -> None:
        """Until "condition=Ready", "create", "delete" or "jsonpath={.status.phase}=Running"."""

        def look() -> None:
            self._call(lib.skiff_wait, _text(kind), _text(namespace), _text(name),
                       _text(condition), 0)

        self._until(look, kind, name, namespace, timeout)

    def _until(self, look: Callable[[], T], kind: str, name: str, namespace: str,
               timeout: float | None) -> T:
        """Calls `look` at each change of an object until it no longer raises TimeoutError."""
        deadline = Deadline(timeout)
        try:
            return look()
        except errors.TimeoutError:
            if deadline.passed():
                raise
        fields = f"metadata.name={_field_value(name)}"
        with self.watch(kind, namespace or "default", fields=fields) as watch:
            while True:
                try:
                    return look()
                except errors.TimeoutError:
                    if watch.next(deadline.left()) is None:
                        raise
                while watch.next(0) is not None:
                    pass

    def watch(self, kind: str, namespace: str | None = None, labels: str | None = None,
              fields: str | None = None) -> Watch:
        """Events of what the selectors choose, beginning with ADDED for what is there."""
        out = ctypes.c_void_p()
        self._call(lib.skiff_watch_open, _text(kind), _text(namespace), _text(labels),
                   _text(fields), ctypes.byref(out))
        return Watch(self, out)

    def logs(self, pod: str, container: str | None = None, namespace: str = "default",
             offset: int = 0) -> bytes:
        """What a container has written so far, from byte `offset` on."""
        out, size = ctypes.c_void_p(), ctypes.c_size_t()
        self._call(lib.skiff_logs, _text(namespace), _text(pod), _text(container),
                   _number(offset, 64), ctypes.byref(out), ctypes.byref(size))
        return take(out, size.value)

    def open_logs(self, pod: str, container: str | None = None, namespace: str = "default",
                  offset: int = 0) -> LogStream:
        """The output from byte `offset` on, for event loops; follow_logs is simpler."""
        out = ctypes.c_void_p()
        self._call(lib.skiff_logs_open, _text(namespace), _text(pod), _text(container),
                   _number(offset, 64), ctypes.byref(out))
        return LogStream(self, out)

    def follow_logs(self, pod: str, container: str | None = None, namespace: str = "default",
                    offset: int = 0, start_timeout: float | None = 60) -> Iterator[bytes]:
        """The output as it grows, until the container ends. A stream that breaks is taken up at the
        byte where it broke. A container that has not started is given `start_timeout` seconds; the
        error then says what it waits for."""
        self._await_start(pod, container, namespace, Deadline(start_timeout))
        failures = 0
        while True:
            try:
                with self.open_logs(pod, container, namespace, offset) as stream:
                    while piece := stream.next():
                        failures = 0
                        offset += len(piece)
                        yield piece
                    return
            except errors.UnavailableError:
                failures += 1
                if not self._handle.is_open or failures > _RESUMES:
                    raise
                time.sleep(0.05 * failures)

    def _await_start(self, pod: str, container: str | None, namespace: str,
                     deadline: Deadline) -> None:
        if _started(self.get("pods", pod, namespace), container):
            return
        fields = f"metadata.name={_field_value(pod)}"
        with self.watch("pods", namespace or "default", fields=fields) as watch:
            while event := watch.next(deadline.left()):
                if event.type == "DELETED" or _started(event.object, container):
                    return

    def wait_job(self, name: str, namespace: str = "default",
                 timeout: float | None = None) -> JobResult:
        """Waits until the job has completed or failed; either is a result."""
        return self._until(lambda: self._job_result(name, namespace), "jobs.batch", name,
                           namespace, timeout)

    def _job_result(self, name: str, namespace: str) -> JobResult:
        """TimeoutError if it has not ended."""
        found = self._ask(lib.skiff_wait_job, _text(namespace), _text(name), 0)
        containers = [ContainerResult(c["pod"], c["container"], c["exitCode"], c["reason"],
                                      c["message"]) for c in found["containers"]]
        return JobResult(name, found["succeeded"], found["reason"], found["message"], containers)

    def wait_jobs(self, names: Iterable[str], namespace: str = "default",
                  timeout: float | None = None) -> Iterator[JobResult]:
        """The results of many jobs, as they end. `timeout` is for all of them together, and counts
        from this call; the loop may be left at any time. NotFoundError for one that is not
        there."""
        return self._wait_jobs(dict.fromkeys(names), namespace, Deadline(timeout))

    def _wait_jobs(self, pending: dict[str, None], namespace: str,
                   deadline: Deadline) -> Iterator[JobResult]:
        if not pending:
            return
        with self.watch("jobs.batch", namespace or "default") as watch:
            for name in list(pending):
                try:
                    result = self._job_result(name, namespace)
                except errors.TimeoutError:
                    continue
                del pending[name]
                yield result
            yield from self._job_ends(watch, pending, namespace or "default", deadline)

    def _job_ends(self, watch: Watch, pending: dict[str, None], namespace: str,
                  deadline: Deadline) -> Iterator[JobResult]:
        """The results of the jobs, as the watch tells of their ends."""
        while pending:
            event = watch.next(deadline.left())
            if event is None:
                shown = ", ".join(list(pending)[:5]) + (", …" if len(pending) > 5 else "")
                raise errors.TimeoutError(
                    f"timed out waiting for {len(pending)} jobs to complete or fail: {shown}")
            meta, end = event.object["metadata"], _ended(event.object)
            name = meta["name"]
            if name not in pending or meta["namespace"] != namespace:
                continue
            if end is None and event.type != "DELETED":
                continue
            try:
                result = self._job_result(name, namespace)
            except errors.NotFoundError:
                if end is None:
                    raise
                # It ended and was removed since; its pods with it.
                result = JobResult(name, end["type"] == "Complete", end.get("reason", ""),
                                   end.get("message", ""))
            except errors.TimeoutError:
                continue  # Another of its name has taken its place.
            del pending[name]
            yield result

    def run_job(self, manifest: Manifest, namespace: str = "default",
                timeout: float | None = None) -> JobResult:
        """Creates a job and waits for its end. The job stays, with its pods and their logs."""
        deadline = Deadline(timeout)
        meta = manifest.get("metadata", {}) if isinstance(manifest, dict) else None
        scope = None if meta is None else meta.get("namespace") or namespace or "default"
        name = (meta or {}).get("name")
        fields = f"metadata.name={_field_value(name)}" if isinstance(name, str) else None
        # The watch comes first: a job may end, and be removed, before anybody could ask for it.
        with self.watch("jobs.batch", scope, fields=fields) as watch:
            created = self.create(manifest, namespace)["metadata"]
            return next(self._job_ends(watch, {created["name"]: None}, created["namespace"],
                                       deadline))
