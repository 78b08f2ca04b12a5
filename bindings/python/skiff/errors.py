"""One exception a code of the C interface; every one is a SkiffError."""
from __future__ import annotations

import ctypes
import json

from ._library import lib


class SkiffError(Exception):
    """What went wrong, in a sentence; `status` is the Kubernetes Status object."""

    code = 0

    def __init__(self, message: str, status: dict | None = None):
        super().__init__(message)
        self.status = status or {}


def _make_classes() -> dict[int, type[SkiffError]]:
    classes = {}
    code = 1
    while (name := lib.skiff_code_name(code)) is not None:
        words = name.decode().split("_")
        class_name = "".join(word.capitalize() for word in words) + "Error"
        classes[code] = type(class_name, (SkiffError,), {"code": code})
        code += 1
    return classes


BY_CODE = _make_classes()
globals().update({cls.__name__: cls for cls in BY_CODE.values()})
__all__ = ["SkiffError"] + [cls.__name__ for cls in BY_CODE.values()]


def raise_from(code: int, error: ctypes.c_void_p) -> None:
    """Raises for a code other than OK; frees `error`."""
    if code == 0:
        return
    message, status = f"error {code}", {}
    if error.value:
        message = lib.skiff_error_message(error).decode(errors="replace")
        status = json.loads(lib.skiff_error_status_json(error) or b"{}")
        lib.skiff_error_free(ctypes.byref(error))
    raise BY_CODE.get(code, SkiffError)(message, status)
