"""Control planes of several members, and snapshots in files."""
from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from typing import Any, Dict, List

from . import errors
from ._arguments import text
from ._library import lib, take


@dataclass(frozen=True)
class Member:
    """One member of a control plane that several processes share. name: a DNS label.  listen:
    "IP:PORT" for the other members.  advertise: "HOST:PORT" where they reach it; None: at listen.
    token: what add_member gave for it, at its first start; None: it begins a cluster, or goes on
    with what its data directory says."""

    name: str
    listen: str
    advertise: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class MemberInfo:
    """A member as the others see it. A learner (voter=False) gets everything and counts for
    nothing. active: heard of lately, and behind: how many log entries it lacks, are known to the
    leader only."""

    id: str
    name: str
    address: str
    voter: bool
    leader: bool
    self: bool
    active: bool
    behind: int


def set_member(options: ctypes.c_void_p, member: Member | None) -> None:
    if member is None:
        return
    if not isinstance(member, Member):
        raise TypeError(f"member: want a Member, not {type(member).__name__}")
    if not member.name:
        raise ValueError("member: it has no name")
    lib.skiff_options_set_member(options, text(member.name), text(member.listen),
                                 text(member.advertise), text(member.token))


class Members:
    """The part of Cluster that is about members and snapshots.

    Any member serves everything; a majority must be up for writes. Changes of the members may be
    asked of any: it has the one that leads do them, and waits a few seconds for what is in their
    way (an earlier change, a new leader; ConflictError: it still is).
    """

    def _call(self, function: Any, *arguments: Any) -> None:
        raise NotImplementedError

    def _ask(self, function: Any, *arguments: Any) -> Any:
        raise NotImplementedError

    def members(self) -> List[MemberInfo]:
        """In order of names. ConflictError: the cluster was opened without a member, and has only
        one. Where all are of one cluster (members=3) the one that leads answers; leadership can be
        handed on, and there are no other changes."""
        return [MemberInfo(**one) for one in self._ask(lib.skiff_members)]

    def add_member(self, name: str, address: str) -> str:
        """Takes in a member that others reach at "HOST:PORT", as a learner; the token with which it
        joins: a secret, for it holds the key of the cluster's authority."""
        out = ctypes.c_void_p()
        self._call(lib.skiff_member_add, text(name), text(address), ctypes.byref(out))
        return take(out).decode()

    def promote_member(self, name: str) -> None:
        """Makes a learner a voter once it has caught up (ConflictError: it still has not)."""
        self._call(lib.skiff_member_promote, text(name))

    def remove_member(self, name: str) -> None:
        """Takes it out, for good."""
        self._call(lib.skiff_member_remove, text(name))

    def lead_member(self, name: str) -> None:
        """Makes a voter the leader (UnavailableError: it has not taken over)."""
        self._call(lib.skiff_member_lead, text(name))

    def save_snapshot(self, path: str | os.PathLike[str]) -> Dict[str, int]:
        """Every object, as of one revision that shows all that was acknowledged, into a file that
        is there whole or not at all: its revision, objects and bytes. Not what nodes keep."""
        return self._ask(lib.skiff_snapshot_save, text(os.fsencode(path)))


def save_offline(data_dir: str | os.PathLike[str],
                 path: str | os.PathLike[str]) -> Dict[str, int]:
    """A snapshot of a data directory that no process has open: of a member whose majority is lost,
    all that it knows, acknowledged or not."""
    out, error = ctypes.c_void_p(), ctypes.c_void_p()
    errors.check(lib.skiff_snapshot_save_offline(text(os.fsencode(data_dir)),
                                                 text(os.fsencode(path)), ctypes.byref(out),
                                                 ctypes.byref(error)), error)
    return json.loads(take(out))


def restore_snapshot(path: str | os.PathLike[str], data_dir: str | os.PathLike[str],
                     member: Member | None = None) -> Dict[str, int]:
    """Makes a new data directory that of a cluster with what a snapshot holds; with `member`, the
    first of a control plane of several. DataLossError: the file is damaged, and where."""
    where = [text(os.fsencode(path)), text(os.fsencode(data_dir))]
    out, error = ctypes.c_void_p(), ctypes.c_void_p()
    options = ctypes.c_void_p(lib.skiff_options_new())
    if not options.value:
        raise MemoryError
    try:
        lib.skiff_options_set_data_dir(options, where[1])
        set_member(options, member)
        code = lib.skiff_snapshot_restore(where[0], options, ctypes.byref(out),
                                          ctypes.byref(error))
    finally:
        lib.skiff_options_free(ctypes.byref(options))
    errors.check(code, error)
    return json.loads(take(out))


__all__: List[str] = ["Member", "MemberInfo", "Members", "restore_snapshot", "save_offline"]
