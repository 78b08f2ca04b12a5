"""Python values as the C interface takes them."""
from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Union

from . import errors

Manifest = Union[str, bytes, Dict[str, Any], Iterable[Dict[str, Any]]]


def text(value: str | bytes | None) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"want a string, not {type(value).__name__}: {value!r}")
    encoded = value if isinstance(value, bytes) else value.encode(errors="surrogatepass")
    if b"\0" in encoded:
        raise errors.InvalidError(f"text must not hold a zero byte: {value!r:.100}")
    return encoded


def manifest(value: Manifest) -> bytes | None:
    if value is None or isinstance(value, (str, bytes)):
        return text(value)
    if not isinstance(value, dict):
        value = {"apiVersion": "v1", "kind": "List", "items": list(value)}
    return json.dumps(value, allow_nan=False).encode()


def number(value: float, bits: int) -> int:
    """Within what C can take: ctypes would cut off what is beyond."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, int(value)))


def grace_ms(seconds: float | None) -> int:
    return -1 if seconds is None else number(max(0.0, min(seconds, 1e12)) * 1000, 64)
