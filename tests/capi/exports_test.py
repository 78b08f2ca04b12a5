#!/usr/bin/env python3
"""libskiff.so exports the functions of skiff.h, the C++ face, and nothing else, and needs nothing
that its libraries do not give.

    exports_test.py LIBSKIFF_SO [--rewrite]

tests/golden/capi/exports.txt is the list; --rewrite writes it anew. A name that goes breaks
programs that were linked before: commit only a difference that was meant.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/capi/exports.txt"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def names(*path):
    text = ROOT.joinpath(*path).read_text()
    return set(re.findall(r"\b(skiff_[a-z_]+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))


def main(library):
    exported = sorted(line.split(None, 2)[2]
                      for line in run("nm", "-DC", "--defined-only", library).splitlines())
    if "--rewrite" in sys.argv:
        GOLDEN.write_text("\n".join(exported) + "\n")
    golden = GOLDEN.read_text().splitlines()
    findings = [f"{name}: exported, but not in {GOLDEN.relative_to(ROOT)}"
                for name in exported if name not in golden]
    findings += [f"{name}: in {GOLDEN.relative_to(ROOT)}, but not exported"
                 for name in golden if name not in exported]
    functions = {name for name in exported if name.startswith("skiff_")}
    declared = names("capi", "skiff.h")
    findings += [f"{name}: declared in skiff.h or exported, but not both"
                 for name in sorted(functions ^ declared)]
    bound = set(re.findall(r'"(skiff_[a-z_]+)":',
                           (ROOT / "bindings/python/skiff/_library.py").read_text()))
    findings += [f"{name}: bound in Python, but not exported" for name in sorted(bound - functions)]
    tested = set()
    for file in (ROOT / "tests/capi").glob("*.c"):
        tested |= names("tests", "capi", file.name)
    findings += [f"{name}: no test in tests/capi calls it" for name in sorted(declared - tested)]
    findings += [line.strip() for line in run("ldd", "-r", library).splitlines()
                 if "undefined symbol" in line or "not found" in line]
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


main(sys.argv[1])
