"""The pages of docs/: their requests are accepted, and each alert, table and queue has its section."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from functions.capabilities import NAMES, load
from local.processes import ROOT
from shared.capability import intake_queues
from shared.composition import tables_needed
from shared.copies.copying.models import CopyRequest
from shared.data_centers.kinds import DATA_CENTER
from shared.data_centers.requests import OrderRequest
from shared.failovers.failing_over.requests import FailoverRequest
from shared.operations.outside.intake import decode, understand
from shared.operations.outside.messages import OUTCOME_QUEUE

DOCS = ROOT / "docs"
ALERTS = sorted((ROOT / "infra" / "alerts").glob("*.kql"))
MODELS: dict[str, type[BaseModel]] = {
    "copy": CopyRequest, "restorePointCopy": CopyRequest, "failover": FailoverRequest, DATA_CENTER.name: OrderRequest,
}  # fmt: skip
JSON_BLOCKS = re.findall(r"^```json ?([\w ]*)\n(.*?)^```", (DOCS / "calling.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("about", "text"), JSON_BLOCKS, ids=[f"{number}-{about}" for number, (about, _) in enumerate(JSON_BLOCKS)])
def test_a_request_of_the_page_is_accepted(about: str, text: str) -> None:
    body = json.loads(text)
    what, _, kind = about.partition(" ")
    if what == "message":
        intake = understand(decode(text.encode()), frozenset({kind}), qualified=kind == DATA_CENTER.name)
        if intake.operation == "create":
            assert intake.key
            MODELS[kind].model_validate({name: value for name, value in intake.body.items() if name != DATA_CENTER.name})
        else:
            assert intake.target
    elif what:
        MODELS[what].model_validate(body)


def test_the_page_has_requests_of_each_sort() -> None:
    messages = {f"message {kind}" for kind in ("restorePointCopy", "failover", DATA_CENTER.name)}
    assert {about for about, _ in JSON_BLOCKS} == {"", "copy", "failover", *messages}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.stem)
def test_each_alert_has_its_section_with_its_severity(alert: Path) -> None:
    page = (DOCS / "operate.md").read_text(encoding="utf-8")
    deployed = (ROOT / "infra" / "modules" / "alerts.bicep").read_text(encoding="utf-8")
    severity = re.search(rf"alerts/{alert.stem}\.kql.*?severity: (\d)", deployed, re.DOTALL)
    part = re.search(rf"^## {alert.stem}\n\n\*Severity (\d)\.", page, re.MULTILINE)
    assert part is not None, "the alert has no section"
    assert severity is not None
    assert part[1] == severity[1]


def test_all_state_is_described() -> None:
    page = (DOCS / "operate.md").read_text(encoding="utf-8")
    state = page[page.index("## State") : page.index("## Rotation")]
    assert {table for table in tables_needed(load(NAMES)) if f"`{table}`" not in state} == set()
    assert all(queue.endswith("-requests") for queue in intake_queues(load(NAMES)))
    assert f"`{OUTCOME_QUEUE}`" in state
