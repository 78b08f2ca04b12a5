"""Every C and C++ file is as clang-format lays it out."""

import shutil
import subprocess
import sys

import tree

if not shutil.which("clang-format"):
    print("SKIPPED: clang-format is not installed, so the layout of the files is unchecked")
    sys.exit(tree.SKIPPED)
paths = [str(path) for path in tree.files("src", "capi", "include", "examples", "bench", "tests")]
result = subprocess.run(["clang-format", "--dry-run", "--ferror-limit=1", *paths], cwd=tree.ROOT,
                        stderr=subprocess.PIPE, text=True, check=True)
tree.finish([line for line in result.stderr.splitlines() if "clang-format-violations" in line])
