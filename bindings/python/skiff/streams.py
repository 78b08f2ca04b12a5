"""What keeps coming: the events of a watch, the output of a container."""
from __future__ import annotations

import ctypes
import json
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar

from . import errors
from ._library import Deadline, Handle, Signal, lib, take

EVENT_TYPES = ("ADDED", "MODIFIED", "DELETED")
Self = TypeVar("Self", bound="_Stream")
T = TypeVar("T")


@dataclass
class Event:
    type: str  # ADDED, MODIFIED, DELETED
    object: dict[str, Any]


def _release(handle: Handle, signal: Signal, free: Any) -> None:
    signal.close()
    handle.close(lambda pointer: free(ctypes.byref(pointer)))


class _Stream:
    """A handle of C with an eventfd. Closing it from another thread wakes whoever waits."""

    def __init__(self, owner: object, pointer: ctypes.c_void_p, fd: Any, free: Any, what: str):
        self._owner = owner  # The cluster is not collected while this lives.

        def closed() -> Exception:
            return ValueError(f"the {what} is closed")

        self._handle = Handle(pointer, closed)
        self._signal = Signal(fd(pointer), closed)
        self._close = weakref.finalize(self, _release, self._handle, self._signal, free)

    def fileno(self) -> int:
        """A descriptor that is readable while something can be taken: for selectors and asyncio.
        Poll it, no more."""
        return self._signal.fileno()

    def close(self) -> None:
        """Ends it; may be repeated."""
        self._close()

    @property
    def closed(self) -> bool:
        return not self._close.alive

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, take_now: Callable[[ctypes.c_void_p, ctypes.c_void_p], Tuple[int, T]],
              timeout: float | None) -> Optional[T]:
        """What `take_now(pointer, error)` -> (code, value) takes; None if nothing comes in time."""
        deadline = Deadline(timeout)
        while True:
            error = ctypes.c_void_p()
            with self._handle as pointer:
                code, value = take_now(pointer, error)
            if code == 0:
                return value
            failure = errors.of(code, error)
            if not isinstance(failure, errors.TimeoutError):
                raise failure
            if deadline.passed():
                return None
            self._signal.wait(deadline.left())


class Watch(_Stream):
    """Iterates over events until it is closed; ends by itself only by raising why."""

    def __init__(self, owner: object, pointer: ctypes.c_void_p):
        super().__init__(owner, pointer, lib.skiff_watch_fd, lib.skiff_watch_free, "watch")

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none comes within `timeout` seconds."""

        def take_now(pointer: ctypes.c_void_p, error: ctypes.c_void_p) -> tuple[int, Event | None]:
            kind, out = ctypes.c_int(), ctypes.c_void_p()
            code = lib.skiff_watch_next(pointer, 0, ctypes.byref(kind), ctypes.byref(out),
                                        ctypes.byref(error))
            return code, (Event(EVENT_TYPES[kind.value], json.loads(take(out)))
                          if code == 0 else None)

        return self._next(take_now, timeout)

    def __iter__(self) -> Iterator[Event]:
        while not self.closed:
            try:
                event = self.next()
            except ValueError:
                if self.closed:
                    return
                raise
            if event is not None:
                yield event


class LogStream(_Stream):
    """A container's output as it grows."""

    def __init__(self, owner: object, pointer: ctypes.c_void_p):
        super().__init__(owner, pointer, lib.skiff_log_stream_fd, lib.skiff_log_stream_free,
                         "log stream")

    def next(self, timeout: float | None = None) -> bytes | None:
        """The next piece; b"" when the container has ended and all was taken; None if nothing comes
        within `timeout` seconds."""

        def take_now(pointer: ctypes.c_void_p, error: ctypes.c_void_p) -> tuple[int, bytes]:
            out, size = ctypes.c_void_p(), ctypes.c_size_t()
            code = lib.skiff_log_stream_next(pointer, 0, ctypes.byref(out), ctypes.byref(size),
                                             ctypes.byref(error))
            return code, take(out, size.value) if code == 0 and out.value else b""

        return self._next(take_now, timeout)
