"""The pages of docs/: their links lead somewhere, their requests are taken, and each alert, table and queue has its words."""

import json
import re
from pathlib import Path

import pytest

from local.processes import ROOT
from shared.composition import INTAKE_QUEUES, TABLES
from shared.copies.copying.models import CopyRequest
from shared.failovers.failing_over.requests import FailoverRequest
from shared.operations.outside.intake import decode, understand
from shared.operations.outside.messages import OUTCOME_QUEUE

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ALERTS = sorted((ROOT / "infra" / "alerts").glob("*.kql"))
MODELS = {"copy": CopyRequest, "restorePointCopy": CopyRequest, "failover": FailoverRequest}
JSON_BLOCKS = re.findall(r"^```json ?([\w ]*)\n(.*?)^```", (DOCS / "calling.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what a page's headings are linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize(("about", "text"), JSON_BLOCKS, ids=[f"{number}-{about}" for number, (about, _) in enumerate(JSON_BLOCKS)])
def test_a_request_of_the_page_is_taken(about: str, text: str) -> None:
    body = json.loads(text)
    what, _, kind = about.partition(" ")
    if what == "message":
        intake = understand(decode(text.encode()), frozenset({kind}))
        if intake.operation == "create":
            assert intake.key
            MODELS[kind].model_validate(intake.body)
        else:
            assert intake.target
    elif what:
        MODELS[what].model_validate(body)


def test_the_page_has_requests_of_each_sort() -> None:
    assert {about for about, _ in JSON_BLOCKS} == {"", "copy", "failover", "message restorePointCopy", "message failover"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.stem)
def test_each_alert_has_its_part_with_its_severity(alert: Path) -> None:
    page = (DOCS / "operate.md").read_text(encoding="utf-8")
    deployed = (ROOT / "infra" / "modules" / "alerts.bicep").read_text(encoding="utf-8")
    severity = re.search(rf"alerts/{alert.stem}\.kql.*?severity: (\d)", deployed, re.DOTALL)
    part = re.search(rf"^## {alert.stem}\n\n\*Severity (\d)\.", page, re.MULTILINE)
    assert part is not None, "what to do when it rings?"
    assert severity is not None
    assert part[1] == severity[1]


def test_all_state_has_its_words() -> None:
    page = (DOCS / "operate.md").read_text(encoding="utf-8")
    state = page[page.index("## The state") : page.index("## Rotating")]
    assert {table for table in TABLES if f"`{table}`" not in state} == set()
    assert all(queue.endswith("-requests") for queue in INTAKE_QUEUES)
    assert f"`{OUTCOME_QUEUE}`" in state
