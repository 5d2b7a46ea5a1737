"""The pages of docs/: their requests are accepted, and each alert, table and queue has its section."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from functions.capabilities import NAMES, load
from local.processes import ROOT
from shared.capability import intake_queues
from shared.composition import tables_needed
from shared.copies.copying.models import CopyRequest
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.reading import read_policy
from shared.copies.restores.request import RestoreRequest
from shared.data_centers.kinds import DATA_CENTER
from shared.data_centers.requests import OrderRequest
from shared.failovers.failing_over.requests import FailoverRequest
from shared.operations.outside.intake import decode, understand
from shared.operations.outside.messages import OUTCOME_QUEUE
from shared.values.sent import SentBody

DOCS = ROOT / "docs"
ALERTS = sorted((ROOT / "infra" / "alerts").glob("*.kql"))
MODELS: dict[str, type[BaseModel]] = {
    "copy": CopyRequest,
    "restorePointCopy": CopyRequest,
    "failover": FailoverRequest,
    "policy": PolicyDocument,
    "restore": RestoreRequest,
    DATA_CENTER.name: OrderRequest,
}
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
    assert {about for about, _ in JSON_BLOCKS} == {"", "copy", "policy", "restore", "failover"} | {
        f"message {kind}" for kind in ("restorePointCopy", "copyPolicy", "failover", DATA_CENTER.name)
    }


def test_the_policies_of_the_page_and_of_the_examples_are_accepted() -> None:
    texts = [text for about, text in JSON_BLOCKS if about == "policy"] + [(ROOT / "examples" / "policy.json").read_text(encoding="utf-8")]
    for text in texts:
        document = read_policy(SentBody(json.loads(text)), datetime(2026, 3, 1, tzinfo=UTC))
        assert read_policy(SentBody(document.as_json()), datetime(2026, 3, 1, tzinfo=UTC)) == document


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
