"""Every room has a one-page README.md that names what is in the folder; names say what a thing is;
every test file is one that CTest discovers."""

import re

import tree

README_LINES = 80
VAGUE = re.compile(r"(^|_)(utils?|commons?|helpers?|managers?|misc|stuff)(_|$)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

findings = []
rooms = [tree.ROOT / "capi"] + [path for path in (tree.ROOT / "src").iterdir() if path.is_dir()]
for room in sorted(rooms):
    name = room.relative_to(tree.ROOT)
    readme = room / "README.md"
    if not readme.exists():
        findings.append(f"{name}: has no README.md that names what is in the folder")
        continue
    text = readme.read_text(encoding="utf-8")
    if text.count("\n") > README_LINES:
        findings.append(f"{name}/README.md: is longer than a page of {README_LINES} lines")
    for path in sorted(room.iterdir()):
        if path.suffix in tree.SOURCES or path.is_dir():
            if not re.search(rf"\b{re.escape(path.stem)}", text):
                findings.append(f"{name}/README.md: does not name {path.name}")

for path in tree.files("src", "capi", "include", "bindings", "bench", "tests", "tools", "examples",
                       suffixes=tree.SOURCES | {".py", ".sh", ".cmake"}):
    if VAGUE.search(path.stem):
        findings.append(f"{path}: its name does not say what is in it")
    if str(path) != "tests/lint/rooms_lint.py":
        for number, line in enumerate(tree.lines(path), 1):
            if UNFINISHED.search(line):
                findings.append(f"{path}:{number}: is unfinished: {line.strip()}")

for path in tree.files("tests", suffixes={".cc"}):
    # A case with the tag [.] is a child process of a test, not a test.
    is_test = re.search(r'^TEST_CASE\("[^"]*"(, "\[[^.][^"]*")?\)', "\n".join(tree.lines(path)),
                        re.MULTILINE)
    if is_test and not path.stem.endswith("_test"):
        findings.append(f"{path}: holds test cases, but CTest discovers only *_test.cc")
    if path.stem.endswith("_test") and len(path.parts) != 3:
        findings.append(f"{path}: CTest discovers tests/<room>/*_test.cc, nothing deeper")
tree.finish(findings)
