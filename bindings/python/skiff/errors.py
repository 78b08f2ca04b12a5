"""One exception a code of the C interface; every one is a SkiffError."""
from __future__ import annotations

import builtins
import ctypes
import json
from typing import Any

from ._library import lib


class SkiffError(Exception):
    """What went wrong, in a sentence; `status` is the Kubernetes Status object."""

    code = 0

    def __init__(self, message: str, status: dict[str, Any] | None = None):
        super().__init__(message)
        self.status = status or {}

    @property
    def reason(self) -> str:
        """Kubernetes' word for it: "NotFound", "AlreadyExists", "Invalid"…; "" if it has none."""
        return self.status.get("reason", "")


def _make_classes() -> dict[int, type[SkiffError]]:
    # Code that knows only Python's own exceptions catches what they have in common with these.
    also = {"TIMEOUT": builtins.TimeoutError}
    classes = {}
    code = 1
    while (name := lib.skiff_code_name(code)) is not None:
        word = name.decode()
        class_name = "".join(part.capitalize() for part in word.split("_")) + "Error"
        bases = (SkiffError, also[word]) if word in also else (SkiffError,)
        classes[code] = type(class_name, bases, {"code": code, "__module__": __name__})
        code += 1
    return classes


BY_CODE = _make_classes()
globals().update({cls.__name__: cls for cls in BY_CODE.values()})
__all__ = ["SkiffError", *(cls.__name__ for cls in BY_CODE.values())]


def of(code: int, error: ctypes.c_void_p) -> SkiffError:
    """The exception for a failed call; frees `error`."""
    message, status = f"error {code}", {}
    if error.value:
        message = lib.skiff_error_message(error).decode(errors="replace")
        text = lib.skiff_error_status_json(error).decode(errors="replace")
        lib.skiff_error_free(ctypes.byref(error))
        try:
            status = json.loads(text)
        except ValueError:
            pass  # The message says it as well.
    return BY_CODE.get(code, SkiffError)(message, status)


def check(code: int, error: ctypes.c_void_p) -> None:
    """Raises for a code other than OK; frees `error`."""
    if code != 0:
        raise of(code, error)
