"""Compares docs/coverage.md and docs/calling.md with the app: what they call built is there, what they call not built is not."""

import re

import pytest

from functions.capabilities import NAMES, load
from local.host.index import FunctionIndex, TriggerType
from local.processes import ROOT
from shared.capability import intake_queues
from tests.support.assembled import assembled

DOCS = ROOT / "docs"
STATUSES = {"built", "manual", "retired", "not built yet"}
CAPABILITIES = load(NAMES)
HTTP_CALL = re.compile(r"`(GET|PUT|POST|PATCH|DELETE) (/[^`\s]*)`")
QUEUE_CALL = re.compile(r"`queue ([a-z-]+)(?:: (\w+))?`")
TIMER_CALL = re.compile(r"`timer (\w+)`")
EVENT = re.compile(r"`farshore\.(\w+)\.(\w+)`")


def rows() -> list[tuple[str, str, str]]:
    """Return the rows of the tables that have a status: what must be done, the status, and by what."""
    found = []
    for line in (DOCS / "coverage.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and cells[1] != "status" and not cells[1].startswith("---"):
            found.append((cells[0].lstrip("| "), cells[1], cells[2].rstrip("| ")))
    return found


def served(index: FunctionIndex) -> set[tuple[str, str]]:
    """Return every call over HTTP that the app answers: method and path below `/api`; HEAD comes with GET."""
    return {
        (method, f"/{function.binding['route']}")
        for function in index.of(TriggerType.HTTP)
        for method in function.binding["methods"]
        if method != "HEAD"
    }


def queues(index: FunctionIndex) -> set[str]:
    """Return the queues that the app reads."""
    return {function.binding["queueName"] for function in index.of(TriggerType.QUEUE)}


def plain_messages() -> set[tuple[str, str]]:
    """Return the queue and operation of every message that need not be a CloudEvent."""
    return {
        (queue, operation)
        for queue, dispatch in assembled().dispatches.items()
        for kind, operation in dispatch.messages
        if dispatch.default_kind in {kind, None}
    }


def timers(index: FunctionIndex) -> set[str]:
    """Return the timers of the app by name."""
    return {function.name for function in index.of(TriggerType.TIMER)}


def missing(text: str, index: FunctionIndex) -> list[str]:
    """Return the calls that a text names and the app does not have."""
    lacking = [f"{method} {path}" for method, path in HTTP_CALL.findall(text) if (method, path) not in served(index)]
    lacking += [f"timer {name}" for name in TIMER_CALL.findall(text) if name not in timers(index)]
    for queue, operation in QUEUE_CALL.findall(text):
        if queue not in queues(index) or (operation and (queue, operation) not in plain_messages()):
            lacking.append(f"queue {queue}: {operation}")
    return lacking


def test_the_page_has_its_tables() -> None:
    assert len(rows()) > 100
    assert {status for _, status, _ in rows()} == STATUSES


@pytest.mark.parametrize(("status", "by"), [(status, by) for _, status, by in rows()], ids=[what[:60] for what, _, _ in rows()])
def test_a_row_agrees_with_the_app(index: FunctionIndex, status: str, by: str) -> None:
    assert status in STATUSES
    assert len(by) > 3, "a row names a call, or the reason why there is none"
    if status == "built":
        assert HTTP_CALL.search(by) or QUEUE_CALL.search(by) or TIMER_CALL.search(by), "what is built names its call"
        assert missing(by, index) == []
    if status == "not built yet":
        planned = re.split(r"until then|;", by)[0]
        there = [call for call in HTTP_CALL.findall(planned) if call in served(index)]
        assert there == [], "it is built by now: the row must say so"
        assert missing(by.removeprefix(planned), index) == [], "the alternative that a row names must exist"


@pytest.mark.parametrize("page", ["calling.md", "operate.md"])
def test_a_page_names_only_calls_that_exist(index: FunctionIndex, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert HTTP_CALL.search(text)
    assert missing(text, index) == []


def test_every_call_is_documented(index: FunctionIndex) -> None:
    pages = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("coverage.md", "calling.md"))
    assert served(index) - set(HTTP_CALL.findall(pages)) == set()
    assert queues(index) - {queue for queue, _ in QUEUE_CALL.findall(pages)} == set()
    assert timers(index) - set(TIMER_CALL.findall(pages)) == set()


def test_every_operation_of_a_queue_is_documented() -> None:
    pages = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("coverage.md", "calling.md"))
    assert plain_messages() - set(QUEUE_CALL.findall(pages)) == set()
    assert set(intake_queues(CAPABILITIES)) - {queue for queue, _ in QUEUE_CALL.findall(pages)} == set()


def test_every_operation_is_in_the_contract_of_its_queue() -> None:
    page = (DOCS / "design/queues.md").read_text(encoding="utf-8")
    table = page[page.index("## Kinds and operations") : page.index("## Rejected messages")]
    declared = {message for dispatch in assembled().dispatches.values() for message in dispatch.messages}
    written = set()
    for line in table.splitlines():
        cells = line.strip("|").split(" | ")
        if line.startswith("| `") and len(cells) == 3:
            written |= {(kind, operation) for kind in re.findall(r"`(\w+)`", cells[0]) for operation in re.findall(r"`(\w+)`", cells[2])}
    assert written == declared


def test_an_event_type_of_the_page_is_an_operation() -> None:
    declared = {message for dispatch in assembled().dispatches.values() for message in dispatch.messages}
    named = set(EVENT.findall((DOCS / "calling.md").read_text(encoding="utf-8")))
    assert {(kind, operation) for kind, operation in named if not operation.endswith("ed")} <= declared
