"""A Kubernetes cluster inside this process."""
from __future__ import annotations

import ctypes
import json
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator

from . import errors
from ._library import DATA_FN, END_FN, lib

EVENT_TYPES = ("ADDED", "MODIFIED", "DELETED")


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
    containers: list[ContainerResult] = field(default_factory=list)


@dataclass
class Event:
    type: str  # ADDED, MODIFIED, DELETED
    object: dict[str, Any]


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _millis(seconds: float | None) -> int:
    return -1 if seconds is None else int(seconds * 1000)


def _take(pointer: ctypes.c_void_p, size: int | None = None) -> bytes:
    try:
        return ctypes.string_at(pointer) if size is None else ctypes.string_at(pointer, size)
    finally:
        lib.skiff_string_free(pointer)


def _manifest(manifest: str | dict | list) -> bytes:
    if isinstance(manifest, list):
        return "\n---\n".join(json.dumps(item) for item in manifest).encode()
    return manifest.encode() if isinstance(manifest, str) else json.dumps(manifest).encode()


def check_host() -> list[dict[str, Any]]:
    """What this host's kernel and rights allow: name, ok, detail, remedy."""
    out, error = ctypes.c_void_p(), ctypes.c_void_p()
    code = lib.skiff_check_host(ctypes.byref(out), ctypes.byref(error))
    errors.raise_from(code, error)
    return json.loads(_take(out))


class Watch:
    """Iterates over events and ends only by raising why. fileno() is for selectors."""

    def __init__(self, handle: ctypes.c_void_p):
        self._handle = handle

    def fileno(self) -> int:
        return lib.skiff_watch_fd(self._handle)

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none comes within `timeout` seconds."""
        kind, out, error = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        code = lib.skiff_watch_next(self._handle, _millis(timeout), ctypes.byref(kind),
                                    ctypes.byref(out), ctypes.byref(error))
        try:
            errors.raise_from(code, error)
        except errors.TimeoutError:
            return None
        return Event(EVENT_TYPES[kind.value], json.loads(_take(out)))

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.next()
            if event is not None:
                yield event

    def close(self) -> None:
        lib.skiff_watch_free(ctypes.byref(self._handle))

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Cluster:
    """Opens a cluster; use it as a context manager, or close() it.

    data_dir: where everything is kept; None: in memory.  nodes: how many.  runtime: "linux",
    "process" or "fake".  listen: "HOST:PORT" to serve the API at, or None.
    """

    def __init__(self, data_dir: str | None = None, nodes: int = 1, runtime: str = "linux",
                 listen: str | None = None, verbosity: int = 0):
        options = ctypes.c_void_p(lib.skiff_options_new())
        lib.skiff_options_set_data_dir(options, _text(data_dir))
        lib.skiff_options_set_nodes(options, nodes)
        lib.skiff_options_set_runtime(options, _text(runtime))
        lib.skiff_options_set_listen(options, _text(listen))
        lib.skiff_options_set_verbosity(options, verbosity)
        self._handle, error = ctypes.c_void_p(), ctypes.c_void_p()
        code = lib.skiff_cluster_open(options, ctypes.byref(self._handle), ctypes.byref(error))
        lib.skiff_options_free(ctypes.byref(options))
        errors.raise_from(code, error)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, stop_pods: bool = True) -> None:
        error = ctypes.c_void_p()
        code = lib.skiff_cluster_close(ctypes.byref(self._handle), int(stop_pods),
                                       ctypes.byref(error))
        errors.raise_from(code, error)

    @property
    def url(self) -> str:
        return lib.skiff_cluster_url(self._handle).decode()

    @property
    def kubeconfig(self) -> str:
        return lib.skiff_cluster_kubeconfig(self._handle).decode()

    def _call(self, function, *arguments) -> Any:
        """Calls with an output string and an error; the string, as JSON."""
        out, error = ctypes.c_void_p(), ctypes.c_void_p()
        code = function(self._handle, *arguments, ctypes.byref(out), ctypes.byref(error))
        errors.raise_from(code, error)
        return json.loads(_take(out))

    def load_image(self, path: str) -> list[str]:
        return self._call(lib.skiff_image_load, _text(path))

    def apply(self, manifest: str | dict | list, namespace: str = "default") -> list[dict]:
        return self._call(lib.skiff_apply, _manifest(manifest), _text(namespace))

    def create(self, manifest: str | dict, namespace: str = "default") -> dict:
        return self._call(lib.skiff_create, _manifest(manifest), _text(namespace))

    def get(self, kind: str, name: str, namespace: str = "default") -> dict:
        return self._call(lib.skiff_get, _text(kind), _text(namespace), _text(name))

    def list(self, kind: str, namespace: str | None = None, labels: str | None = None,
             fields: str | None = None) -> list[dict]:
        found = self._call(lib.skiff_list, _text(kind), _text(namespace), _text(labels),
                           _text(fields))
        return found["items"]

    def delete(self, kind: str, name: str, namespace: str = "default",
               grace: float | None = None) -> None:
        """Fine as well if it is gone already."""
        error = ctypes.c_void_p()
        code = lib.skiff_delete(self._handle, _text(kind), _text(namespace), _text(name),
                                _millis(grace), ctypes.byref(error))
        errors.raise_from(code, error)

    def wait(self, kind: str, name: str, condition: str, namespace: str = "default",
             timeout: float | None = None) -> None:
        error = ctypes.c_void_p()
        code = lib.skiff_wait(self._handle, _text(kind), _text(namespace), _text(name),
                              _text(condition), _millis(timeout), ctypes.byref(error))
        errors.raise_from(code, error)

    def watch(self, kind: str, namespace: str | None = None, labels: str | None = None,
              fields: str | None = None) -> Watch:
        handle, error = ctypes.c_void_p(), ctypes.c_void_p()
        code = lib.skiff_watch_open(self._handle, _text(kind), _text(namespace), _text(labels),
                                    _text(fields), ctypes.byref(handle), ctypes.byref(error))
        errors.raise_from(code, error)
        return Watch(handle)

    def logs(self, pod: str, container: str | None = None, namespace: str = "default",
             offset: int = 0) -> bytes:
        out, size, error = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p()
        code = lib.skiff_logs(self._handle, _text(namespace), _text(pod), _text(container), offset,
                              ctypes.byref(out), ctypes.byref(size), ctypes.byref(error))
        errors.raise_from(code, error)
        return _take(out, size.value)

    def follow_logs(self, pod: str, container: str | None = None, namespace: str = "default",
                    offset: int = 0) -> Iterator[bytes]:
        """The output as it grows, until the container ends. A broken stream is taken up where it
        broke."""
        while True:
            pieces: queue.Queue = queue.Queue()
            on_data = DATA_FN(lambda _, data, size: pieces.put(ctypes.string_at(data, size)))
            on_end = END_FN(lambda _, code, message: pieces.put((code, message.decode())))
            stream, error = ctypes.c_void_p(), ctypes.c_void_p()
            code = lib.skiff_logs_follow(self._handle, _text(namespace), _text(pod),
                                         _text(container), offset, on_data, on_end, None,
                                         ctypes.byref(stream), ctypes.byref(error))
            errors.raise_from(code, error)
            try:
                while isinstance(piece := pieces.get(), bytes):
                    offset += len(piece)
                    yield piece
            finally:
                lib.skiff_log_stream_free(ctypes.byref(stream))
            code, message = piece
            if code == 0:
                return
            if code != errors.UnavailableError.code:
                raise errors.BY_CODE[code](message)
            time.sleep(0.2)

    def wait_job(self, name: str, namespace: str = "default",
                 timeout: float | None = None) -> JobResult:
        """Waits until the job has completed or failed; either is a result."""
        found = self._call(lib.skiff_wait_job, _text(namespace), _text(name), _millis(timeout))
        containers = [ContainerResult(c["pod"], c["container"], c["exitCode"], c["reason"],
                                      c["message"]) for c in found["containers"]]
        return JobResult(name, found["succeeded"], found["reason"], found["message"], containers)

    def wait_jobs(self, names: Iterable[str], namespace: str = "default",
                  timeout: float | None = None) -> Iterator[JobResult]:
        """The results of many jobs, as they end."""
        names = list(names)
        if not names:
            return
        done: queue.Queue = queue.Queue()
        with ThreadPoolExecutor(max_workers=min(len(names), 64)) as pool:
            for name in names:
                future = pool.submit(self.wait_job, name, namespace, timeout)
                future.add_done_callback(done.put)
            for _ in names:
                yield done.get().result()

    def run_job(self, manifest: str | dict, namespace: str = "default",
                timeout: float | None = None) -> JobResult:
        """Creates a job and waits for its end."""
        created = self.create(manifest, namespace)
        return self.wait_job(created["metadata"]["name"], created["metadata"]["namespace"],
                             timeout)
