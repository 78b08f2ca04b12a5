"""The C interface (capi/skiff.h) as ctypes sees it, and handles that survive misuse by threads."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Iterator


def _candidates() -> Iterator[str]:
    if "SKIFF_LIBRARY" in os.environ:
        yield os.environ["SKIFF_LIBRARY"]
        return
    here = Path(__file__).resolve().parent
    yield str(here / "libskiff.so")
    if len(here.parents) > 2:
        yield str(here.parents[2] / "build" / "libskiff.so")
    found = ctypes.util.find_library("skiff")
    if found:
        yield found


def _load() -> ctypes.CDLL:
    tried = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            tried.append(f"{path} ({error})")
    raise ImportError("libskiff.so was not found; set SKIFF_LIBRARY to its path. Tried: "
                      + "; ".join(tried))


lib = _load()

_V, _S, _I, _L = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64
_PV, _PZ = ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)
_FUNCTIONS = {
    "skiff_version": (_S,),
    "skiff_code_name": (_S, _I),
    "skiff_string_free": (None, _V),
    "skiff_error_message": (_S, _V),
    "skiff_error_status_json": (_S, _V),
    "skiff_error_free": (None, _PV),
    "skiff_options_new": (_V,),
    "skiff_options_set_data_dir": (None, _V, _S),
    "skiff_options_set_nodes": (None, _V, _I),
    "skiff_options_set_runtime": (None, _V, _S),
    "skiff_options_set_listen": (None, _V, _S),
    "skiff_options_set_verbosity": (None, _V, _I),
    "skiff_options_free": (None, _PV),
    "skiff_cluster_open": (_I, _V, _PV, _PV),
    "skiff_cluster_close": (_I, _PV, _I, _PV),
    "skiff_cluster_url": (_S, _V),
    "skiff_cluster_kubeconfig": (_S, _V),
    "skiff_check_host": (_I, _PV, _PV),
    "skiff_image_load": (_I, _V, _S, _PV, _PV),
    "skiff_apply": (_I, _V, _S, _S, _PV, _PV),
    "skiff_create": (_I, _V, _S, _S, _PV, _PV),
    "skiff_get": (_I, _V, _S, _S, _S, _PV, _PV),
    "skiff_list": (_I, _V, _S, _S, _S, _S, _PV, _PV),
    "skiff_delete": (_I, _V, _S, _S, _S, _L, _PV),
    "skiff_wait": (_I, _V, _S, _S, _S, _S, _L, _PV),
    "skiff_wait_job": (_I, _V, _S, _S, _L, _PV, _PV),
    "skiff_watch_open": (_I, _V, _S, _S, _S, _S, _PV, _PV),
    "skiff_watch_fd": (_I, _V),
    "skiff_watch_next": (_I, _V, _L, ctypes.POINTER(_I), _PV, _PV),
    "skiff_watch_free": (None, _PV),
    "skiff_logs": (_I, _V, _S, _S, _S, _L, _PV, _PZ, _PV),
    "skiff_logs_open": (_I, _V, _S, _S, _S, _L, _PV, _PV),
    "skiff_log_stream_fd": (_I, _V),
    "skiff_log_stream_next": (_I, _V, _L, _PV, _PZ, _PV),
    "skiff_log_stream_free": (None, _PV),
    "skiff_options_set_clock": (None, _V, _S),
    "skiff_options_set_seed": (None, _V, ctypes.c_uint64),
    "skiff_options_set_members": (None, _V, _I),
    "skiff_options_set_permute_order": (None, _V, _I),
    "skiff_options_set_controllers_off": (None, _V, _S),
    "skiff_cluster_seed": (ctypes.c_uint64, _V),
    "skiff_cluster_now_ms": (_L, _V),
    "skiff_advance": (_I, _V, _L, _PV),
    "skiff_settle": (_I, _V, _L, _PV),
    "skiff_assert_idle": (_I, _V, _L, _PV),
    "skiff_inject_fault": (_I, _V, _S, _PV),
    "skiff_save": (_I, _V, _PV, _PV),
    "skiff_restore": (_I, _V, _V, _PV),
    "skiff_saved_free": (None, _PV),
    "skiff_inspect": (_I, _V, _PV, _PV),
    "skiff_options_set_member": (None, _V, _S, _S, _S, _S),
    "skiff_members": (_I, _V, _PV, _PV),
    "skiff_member_add": (_I, _V, _S, _S, _PV, _PV),
    "skiff_member_promote": (_I, _V, _S, _PV),
    "skiff_member_remove": (_I, _V, _S, _PV),
    "skiff_member_lead": (_I, _V, _S, _PV),
    "skiff_snapshot_save": (_I, _V, _S, _PV, _PV),
    "skiff_snapshot_save_offline": (_I, _S, _S, _PV, _PV),
    "skiff_snapshot_restore": (_I, _S, _V, _PV, _PV),
    "skiff_error_new": (_V, _I, _S),
    "skiff_controller_get": (_I, _V, _S, _S, _S, _PV, _PV),
    "skiff_controller_list": (_I, _V, _S, _S, _S, _S, _PV, _PV),
    "skiff_controller_apply": (_I, _V, _S, _S, _PV, _PV),
    "skiff_controller_create": (_I, _V, _S, _S, _PV, _PV),
    "skiff_controller_update": (_I, _V, _S, _S, _PV, _PV),
    "skiff_controller_update_status": (_I, _V, _S, _S, _PV, _PV),
    "skiff_controller_delete": (_I, _V, _S, _S, _S, _L, _PV),
    "skiff_controller_record_event": (_I, _V, _S, _S, _S, _S, _S, _S, _PV),
    "skiff_controller_now_ms": (_L, _V),
    "skiff_admission_verb": (_S, _V),
    "skiff_admission_kind": (_S, _V),
    "skiff_admission_namespace": (_S, _V),
    "skiff_admission_name": (_S, _V),
    "skiff_admission_object": (_S, _V),
    "skiff_admission_old_object": (_S, _V),
    "skiff_admission_dry_run": (_I, _V),
    "skiff_admission_set_object": (_I, _V, _S, _PV),
    "skiff_container_id": (_S, _V),
    "skiff_container_node": (_S, _V),
    "skiff_container_pod": (_S, _V),
    "skiff_container_spec": (_S, _V),
    "skiff_container_running": (_I, _V, _PV),
    "skiff_container_exited": (_I, _V, _I, _S, _PV),
    "skiff_container_write_log": (_I, _V, _S, ctypes.c_size_t, _PV),
    "skiff_container_free": (None, _PV),
}
for _name, (_result, *_arguments) in _FUNCTIONS.items():
    try:
        _function = getattr(lib, _name)
    except AttributeError:
        raise ImportError(f"{lib._name} does not fit this package: it has no {_name}") from None
    _function.restype, _function.argtypes = _result, _arguments


def take(pointer: ctypes.c_void_p, size: int | None = None) -> bytes:
    """The bytes of a string that a function gave out, which is freed."""
    try:
        return ctypes.string_at(pointer) if size is None else ctypes.string_at(pointer, size)
    finally:
        lib.skiff_string_free(pointer)


class Deadline:
    """When a wait of `timeout` seconds is over; None: never."""

    def __init__(self, timeout: float | None):
        if timeout is not None and timeout != timeout:
            raise ValueError("a timeout must be a number of seconds")
        self._end: float | None = None
        if timeout is not None and timeout <= threading.TIMEOUT_MAX:
            self._end = time.monotonic() + timeout

    def left(self) -> float | None:
        """Seconds; 0 once it has passed, None if it never does."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        return self.left() == 0.0


class Handle:
    """A pointer that is not freed while a thread is using it.

        with handle as pointer:
            lib.skiff_...(pointer, ...)
    """

    def __init__(self, pointer: ctypes.c_void_p, closed: Callable[[], Exception]):
        self._pointer = pointer
        self._closed = closed  # Makes what every use raises once it is closed.
        self._open = True
        self._users = 0
        self._changed = threading.Condition(threading.Lock())
        self._process = os.getpid()

    def __enter__(self) -> ctypes.c_void_p:
        if os.getpid() != self._process:
            raise RuntimeError("a skiff.Cluster cannot be used in a forked child")
        with self._changed:
            if not self._open:
                raise self._closed()
            self._users += 1
            return self._pointer

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    @property
    def is_open(self) -> bool:
        return self._open

    def close(self, free: Callable[[ctypes.c_void_p], None]) -> None:
        """Lets no more users in, waits for those on their way into C, and calls `free`: once. In a
        forked child, where the threads behind the pointer are not, it does nothing."""
        if os.getpid() != self._process:
            return
        # C itself waits for calls that are inside. A Ctrl-C in __enter__ can leave a user counted
        # that is none, hence the limit.
        deadline = Deadline(2)
        with self._changed:
            self._open = False
            while self._users and not deadline.passed():
                self._changed.wait(deadline.left())
            if not self._pointer.value:
                return
            pointer, self._pointer = self._pointer, ctypes.c_void_p()
        free(pointer)


class Signal:
    """The eventfd of a watch or stream: a copy, so that a thread may wait on it while another
    closes what it belongs to. Waiting is done here, not in C, so that Ctrl-C is heeded at once."""

    def __init__(self, fd: int, closed: Callable[[], Exception]):
        self._fd = os.dup(fd)
        self._closed = closed
        self._open = True
        self._waiters = 0
        self._lock = threading.Lock()

    def fileno(self) -> int:
        if not self._open:
            raise self._closed()
        return self._fd

    def wait(self, seconds: float | None) -> None:
        """Until it is readable or closed, or the time is over."""
        with self._lock:
            if not self._open:
                return
            self._waiters += 1
        try:
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            # In pieces of a day: poll(2) takes no more than 24 days.
            poll.poll(None if seconds is None else min(86400_000, int(seconds * 1000) + 1))
        finally:
            with self._lock:
                self._waiters -= 1
                self._close_if_last()

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                if self._waiters:
                    os.write(self._fd, (1).to_bytes(8, sys.byteorder))
                self._close_if_last()

    def _close_if_last(self) -> None:
        if not self._open and not self._waiters:
            os.close(self._fd)
