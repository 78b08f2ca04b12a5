"""Includes point down the house: a room may include only the rooms that stand below it."""

import re

import tree

BELOW = {
    "base": "",
    "api": "base",
    "raft": "base",
    "runtime": "base",
    "store": "raft api base",
    "client": "api base",
    "apiserver": "store client api base",
    "controllers": "client api base",
    "scheduler": "client api base",
    "network": "client api base",
    "node": "network runtime client api base",
    "cluster": "node network scheduler controllers apiserver store client runtime raft api base",
    "cli": "cluster client api base",
    "capi": "cluster api base",
}
BELOW = {room: set(rooms.split()) | {room} for room, rooms in BELOW.items()}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def room_of(path):
    """The room that a file, or the target of an include, belongs to; None outside the house."""
    parts = path.parts
    if parts[0] == "src":
        parts = parts[1:]
    return parts[0] if parts[0] in BELOW else None


findings = []
for path in tree.files("src", "capi"):
    room = room_of(path)
    if room is None:
        findings.append(f"{path}: is in no room; rooms are {', '.join(BELOW)}")
        continue
    for number, line in enumerate(tree.lines(path), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = tree.pathlib.PurePath(match[1])
        wanted = room_of(target) if len(target.parts) > 1 else room
        if wanted and wanted not in BELOW[room]:
            allowed = ", ".join(sorted(BELOW[room] - {room})) or "nothing"
            findings.append(f'{path}:{number}: includes "{target}"; {room} may include {allowed}')
for path in tree.files("include", "bindings", "examples"):
    for number, line in enumerate(tree.lines(path), 1):
        match = INCLUDE.match(line)
        target = tree.pathlib.PurePath(match[1] if match else "")
        if target.parts and room_of(target) not in (None, "capi"):
            findings.append(f'{path}:{number}: a public file includes "{match[1]}" of the house')
tree.finish(findings)
