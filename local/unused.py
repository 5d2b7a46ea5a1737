"""`python3 -m local.unused`: print the code that nothing in the app uses; code that only a test uses counts as unused.

Settings: `[tool.vulture]` in pyproject.toml. `libraries` are folders whose public names may be without a user here.
Fields and constants are not looked at (they are read as JSON members by other
systems), and imports are ruff's.
"""

import sys
import tomllib
from typing import Final

from vulture import Vulture  # type: ignore[import-untyped]  # ships no types

from local.processes import ROOT

_KINDS: Final = {"attribute", "class", "function", "method", "property", "unreachable_code"}


def main() -> int:
    """Print each unused function, method, class, attribute and property; returns the exit code: 0 if there is none."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vulture"]
    vulture = Vulture(ignore_names=settings["ignore_names"], ignore_decorators=settings["ignore_decorators"])
    vulture.scavenge([str(ROOT / path) for path in settings["paths"]])
    libraries = tuple(f"{ROOT / path}/" for path in settings["libraries"])
    unused = [
        item
        for item in vulture.get_unused_code(min_confidence=settings["min_confidence"])
        if item.typ in _KINDS and (item.name.startswith("_") or not str(item.filename).startswith(libraries))
    ]
    for item in unused:
        print(f"{item.filename}:{item.first_lineno}: {item.typ} '{item.name}' is not used; delete it")
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
