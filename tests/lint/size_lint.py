"""A file has at most 800 lines, a function 70, a line 100 columns."""

import re

import tree

FILE_LINES = 800
FUNCTION_LINES = 70
COLUMNS = 100

NOT_FUNCTIONS = re.compile(r"^\s*(namespace|class|struct|enum|union|extern \"C\"|typedef)\b"
                           r"|^\s*{|=\s*{$")


def long_functions(path):
    """Yields (line, length) of every function above the cap, reading clang-format's layout: what
    opens with a brace at the end of a line closes at the indentation where it began."""
    begun = None  # (indentation, first line) of the outermost open function
    statement = None  # the first line of the statement that is being read
    for number, line in enumerate(tree.lines(path), 1):
        if not line.strip() or line.lstrip().startswith(("//", "#", "*", "/*")):
            continue
        indent = len(line) - len(line.lstrip())
        if begun is not None:
            if indent == begun[0] and line.lstrip().startswith("}"):
                length = number - begun[1] + 1
                if length > FUNCTION_LINES:
                    yield begun[1], length
                begun = statement = None
            continue
        if statement is None or indent <= statement[0]:
            statement = (indent, number, line)
        if line.rstrip().endswith("{") and not NOT_FUNCTIONS.search(statement[2]):
            if "(" in statement[2] or "(" in line:
                begun = (statement[0], statement[1])
        if line.rstrip().endswith((";", "}", "{")) and begun is None:
            statement = None


findings = []
for path in tree.files("src", "capi", "include", "bindings", "examples", "bench", "tests", "tools",
                       suffixes=tree.SOURCES | {".py", ".sh", ".cmake"}):
    content = tree.lines(path)
    if len(content) > FILE_LINES:
        findings.append(f"{path}: {len(content)} lines; split it by purpose below {FILE_LINES}")
    for number, line in enumerate(content, 1):
        if len(line) > COLUMNS and "http" not in line:
            findings.append(f"{path}:{number}: {len(line)} columns; at most {COLUMNS}")
    if path.suffix in tree.SOURCES and path.parts[0] != "tests":
        for number, length in long_functions(path):
            findings.append(f"{path}:{number}: a function of {length} lines; "
                            f"at most {FUNCTION_LINES}, give its steps names")
tree.finish(findings)
