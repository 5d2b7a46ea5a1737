"""The page `/docs`: it runs what its policy names and nothing else, needs nothing of the internet, and can authorize and try a call."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from functions.capabilities import NAMES
from functions.system import declared_routes
from local.azurite import Azurite
from local.bootstrap import find_node
from shared.web.docs import docs_page
from shared.web.openapi import build

ANSWER = docs_page()
PAGE = str(ANSWER.body)
POLICY = dict(part.strip().split(" ", 1) for part in ANSWER.headers["Content-Security-Policy"].split(";"))
DESCRIPTION = build(declared_routes(NAMES), "http://localhost/api")


def test_each_script_and_style_is_named_by_its_hash() -> None:
    for tag in ("script", "style"):
        inline = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", PAGE, re.DOTALL)
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" for content in inline]
        assert POLICY[f"{tag}-src"].split() == hashes
    assert re.search(r"<[^>]+\s(on\w+|style)=", PAGE.partition("<script>")[0]) is None, "an attribute that no hash allows"
    assert (POLICY["default-src"], POLICY["connect-src"]) == ("'none'", "'self'")


def test_it_needs_nothing_of_the_internet() -> None:
    assert re.findall(r"(?:src|href)=\"(?!openapi\.json\")[^\"]*", PAGE) == []
    assert re.findall(r"(?:import|@import|url\()\s*[\"'(]?https?:", PAGE) == []


@pytest.fixture
def shown(azurite: Azurite, tmp_path: Path) -> Any:
    """What the page does with the description; Azurite's Node runs its script."""
    assert azurite.port
    page, description = tmp_path / "docs.html", tmp_path / "openapi.json"
    page.write_text(PAGE, encoding="utf-8")
    description.write_text(json.dumps(DESCRIPTION), encoding="utf-8")
    script = Path(__file__).with_name("docs_page.mjs")
    done = subprocess.run([find_node()[0], script, page, description], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_shows_every_operation_and_sends_calls_with_the_token(shown: Any) -> None:
    described = {operation["operationId"] for methods in DESCRIPTION["paths"].values() for operation in methods.values()}
    assert set(shown["operations"]) == described
    health, read, start = shown["sent"]
    assert (health["method"], health["url"]) == ("GET", "health")
    assert (read["method"], read["url"]) == ("GET", "operations/a%2Fb")
    assert (start["method"], start["url"]) == ("POST", "failovers?dryRun=true")
    assert {one["headers"]["Authorization"] for one in shown["sent"]} == {"Bearer a-token"}
    assert (start["headers"]["Content-Type"], "scope" in json.loads(start["body"])) == ("application/json", True)
    assert re.fullmatch(r"[0-9a-f-]{36}", start["headers"]["Repeatability-Request-ID"])
    assert shown["outputs"]["getHealth"].startswith("200 ")
    assert shown["outputs"]["getHealth"].endswith('{\n  "status": "up"\n}')
