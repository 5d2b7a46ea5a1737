"""Every text that a user can see: error messages, attention, log lines, summaries and descriptions, in one list.

`python3 -m tests.docs.messages` writes the stored list (`messages.txt`) anew, for texts that are meant: read the difference as a reader
would whose second language is English (docs/style.md, "Messages").
"""

import ast
import re
from collections.abc import Iterator

from local.processes import ROOT

STORED = ROOT / "tests" / "docs" / "messages.txt"
ROOMS = ("functions", "shared", "local/host")
_TEXT = re.compile(r"[A-Za-z].* .*[A-Za-z]", re.DOTALL)
_FOR_PROGRAMS = re.compile(r" (eq|ge|gt|le|lt) [@'{]|\[[A-Za-z]-|^(\^|default-src)|%\((asctime|message)\)|^%Y|; ?charset=|GMT$")
"""Filters of tables, patterns, formats and header values."""


def messages() -> str:
    """Return the texts of every module, in the order of the source; placeholders are in braces."""
    parts = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            found = list(dict.fromkeys(_texts(ast.parse(path.read_text(encoding="utf-8")))))
            if found:
                parts.append("\n".join([f"# {path.relative_to(ROOT).as_posix()}", *found]))
    return "\n\n".join(parts) + "\n"


def _texts(tree: ast.Module) -> Iterator[str]:
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    annotations = {id(part) for node in ast.walk(tree) for note in _annotations(node) for part in ast.walk(note)}
    for node in _in_order(tree):
        text = None
        if isinstance(node, ast.JoinedStr):
            text = "".join(_part(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside | documentation | annotations:
            text = node.value
        if text is not None and _TEXT.search(text) and not _FOR_PROGRAMS.search(text):
            yield " ".join(text.split())


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        found = getattr(node, name, None)
        if isinstance(found, ast.AST):
            yield found


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return f"{{{_name(value)}}}"


def _name(value: ast.expr) -> str:
    """Return a short name of what a placeholder shows: the last name of an expression."""
    if isinstance(value, ast.Attribute):
        return value.attr
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.Call):
        return _name(value.args[0]) if value.args else _name(value.func)
    if isinstance(value, ast.Subscript):
        return _name(value.value)
    return "…"


if __name__ == "__main__":
    STORED.write_text(messages(), encoding="utf-8")
