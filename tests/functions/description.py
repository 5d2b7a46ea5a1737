"""The part of the OpenAPI description that clients depend on: what it has beside summaries, descriptions and titles.

`python3 -m tests.functions.description` writes the stored copy anew, for a change of the contract that is meant.
"""

import json
from typing import Any

from functions.capabilities import NAMES
from functions.system import declared_routes
from local.processes import ROOT
from shared.web.openapi import build

STORED = ROOT / "tests" / "functions" / "openapi.json"
_PROSE = {"summary", "description", "title"}


def contract() -> Any:
    """Return the description of every route without its prose, as JSON."""
    return _without_prose(json.loads(json.dumps(build(declared_routes(NAMES), "http://localhost/api"))))


def _without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_prose(member) for name, member in value.items() if name not in _PROSE or not isinstance(member, str)}
    return [_without_prose(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    STORED.write_text(json.dumps(contract(), indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
