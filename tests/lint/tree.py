"""The project's files, and the one way in which a rule reports what it found."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = {".cc", ".h", ".c"}
SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def files(*folders, suffixes=SOURCES):
    """Yields the files with one of the suffixes below the folders: sorted paths from the root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT)


def lines(path):
    """Returns the lines of a file given by its path from the root."""
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def finish(findings):
    """Prints the findings and ends the program: 0 when there are none, 1 otherwise."""
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s)")
    sys.exit(1 if findings else 0)
