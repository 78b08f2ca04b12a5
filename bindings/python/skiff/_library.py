"""The C interface (capi/skiff.h) as ctypes sees it."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from pathlib import Path

c_char_pp = ctypes.POINTER(ctypes.c_char_p)
EVENT_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
DATA_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)
END_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)


def _candidates():
    if "SKIFF_LIBRARY" in os.environ:
        yield os.environ["SKIFF_LIBRARY"]
        return
    here = Path(__file__).resolve().parent
    yield str(here / "libskiff.so")
    yield str(here.parents[2] / "build" / "libskiff.so")
    found = ctypes.util.find_library("skiff")
    if found:
        yield found


def load() -> ctypes.CDLL:
    tried = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            tried.append(f"{path} ({error})")
    raise ImportError("libskiff.so was not found; set SKIFF_LIBRARY to its path. Tried: "
                      + "; ".join(tried))


lib = load()


def _declare(name, result, *arguments):
    function = getattr(lib, name)
    function.restype = result
    function.argtypes = arguments


_V, _S, _I, _L = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64
_PV = ctypes.POINTER(ctypes.c_void_p)
_declare("skiff_version", _S)
_declare("skiff_code_name", _S, _I)
_declare("skiff_string_free", None, _V)
_declare("skiff_error_code", _I, _V)
_declare("skiff_error_message", _S, _V)
_declare("skiff_error_status_json", _S, _V)
_declare("skiff_error_free", None, _PV)
_declare("skiff_options_new", _V)
_declare("skiff_options_set_data_dir", None, _V, _S)
_declare("skiff_options_set_nodes", None, _V, _I)
_declare("skiff_options_set_runtime", None, _V, _S)
_declare("skiff_options_set_listen", None, _V, _S)
_declare("skiff_options_set_verbosity", None, _V, _I)
_declare("skiff_options_free", None, _PV)
_declare("skiff_cluster_open", _I, _V, _PV, _PV)
_declare("skiff_cluster_close", _I, _PV, _I, _PV)
_declare("skiff_cluster_url", _S, _V)
_declare("skiff_cluster_kubeconfig", _S, _V)
_declare("skiff_check_host", _I, _PV, _PV)
_declare("skiff_image_load", _I, _V, _S, _PV, _PV)
_declare("skiff_apply", _I, _V, _S, _S, _PV, _PV)
_declare("skiff_create", _I, _V, _S, _S, _PV, _PV)
_declare("skiff_get", _I, _V, _S, _S, _S, _PV, _PV)
_declare("skiff_list", _I, _V, _S, _S, _S, _S, _PV, _PV)
_declare("skiff_delete", _I, _V, _S, _S, _S, _L, _PV)
_declare("skiff_wait", _I, _V, _S, _S, _S, _S, _L, _PV)
_declare("skiff_wait_job", _I, _V, _S, _S, _L, _PV, _PV)
_declare("skiff_watch_open", _I, _V, _S, _S, _S, _S, _PV, _PV)
_declare("skiff_watch_fd", _I, _V)
_declare("skiff_watch_next", _I, _V, _L, ctypes.POINTER(_I), _PV, _PV)
_declare("skiff_watch_free", None, _PV)
_declare("skiff_logs", _I, _V, _S, _S, _S, _L, _PV, ctypes.POINTER(ctypes.c_size_t), _PV)
_declare("skiff_logs_follow", _I, _V, _S, _S, _S, _L, DATA_FN, END_FN, _V, _PV, _PV)
_declare("skiff_log_stream_free", None, _PV)
