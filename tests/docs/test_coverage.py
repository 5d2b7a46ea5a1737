"""docs/coverage.md and docs/calling.md against the app: what they say is there, is; what they say is not, is not."""

import inspect
import re

import pytest

from local.host.index import FunctionIndex, TriggerType
from local.processes import ROOT

DOCS = ROOT / "docs"
STATUSES = {"built", "manual", "retired", "not built yet"}
HTTP_CALL = re.compile(r"`(GET|PUT|POST|PATCH|DELETE) (/[^`\s]*)`")
QUEUE_CALL = re.compile(r"`queue ([a-z-]+)(?:: (\w+))?`")
TIMER_CALL = re.compile(r"`timer (\w+)`")


def rows() -> list[tuple[str, str, str]]:
    """Return the rows of the tables that have a status: what must be done, the status, and by what."""
    found = []
    for line in (DOCS / "coverage.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and cells[1] != "status" and not cells[1].startswith("---"):
            found.append((cells[0].lstrip("| "), cells[1], cells[2].rstrip("| ")))
    return found


def served(index: FunctionIndex) -> set[tuple[str, str]]:
    """Return every call over HTTP that the app answers: method and path below `/api`."""
    return {(method, f"/{function.binding['route']}") for function in index.of(TriggerType.HTTP) for method in function.binding["methods"]}


def queues(index: FunctionIndex) -> dict[str, str]:
    """Return the queues that the app reads, each with the source of the function that does."""
    return {function.binding["queueName"]: inspect.getsource(function.code) for function in index.of(TriggerType.QUEUE)}


def timers(index: FunctionIndex) -> set[str]:
    """Return the timers of the app by name."""
    return {function.name for function in index.of(TriggerType.TIMER)}


def missing(text: str, index: FunctionIndex) -> list[str]:
    """Return the calls that a text names and the app does not have."""
    lacking = [f"{method} {path}" for method, path in HTTP_CALL.findall(text) if (method, path) not in served(index)]
    lacking += [f"timer {name}" for name in TIMER_CALL.findall(text) if name not in timers(index)]
    read = queues(index)
    for queue, operation in QUEUE_CALL.findall(text):
        if queue not in read or (operation and f'intake.operation == "{operation}"' not in read[queue]):
            lacking.append(f"queue {queue}: {operation}")
    return lacking


def test_the_page_has_its_tables() -> None:
    assert len(rows()) > 100
    assert {status for _, status, _ in rows()} == STATUSES


@pytest.mark.parametrize(("what", "status", "by"), rows(), ids=[what[:60] for what, _, _ in rows()])
def test_a_row_says_what_is_so(index: FunctionIndex, what: str, status: str, by: str) -> None:
    assert status in STATUSES
    assert len(by) > 3, "a row says by what call, or why there is none"
    if status == "built":
        assert HTTP_CALL.search(by) or QUEUE_CALL.search(by) or TIMER_CALL.search(by), "what is built names its call"
        assert missing(by, index) == []
    if status == "not built yet":
        planned = re.split(r"until then|;", by)[0]
        there = [call for call in HTTP_CALL.findall(planned) if call in served(index)]
        assert there == [], "it is there by now: the row must say so"
        assert missing(by.removeprefix(planned), index) == [], "what helps until then must be there"


@pytest.mark.parametrize("page", ["calling.md", "operate.md"])
def test_a_page_names_only_calls_that_are_there(index: FunctionIndex, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert HTTP_CALL.search(text)
    assert missing(text, index) == []


def test_every_call_is_written_down(index: FunctionIndex) -> None:
    pages = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("coverage.md", "calling.md"))
    told = set(HTTP_CALL.findall(pages))
    assert served(index) - told == set()
    assert queues(index).keys() - {queue for queue, _ in QUEUE_CALL.findall(pages)} == set()
    assert timers(index) - set(TIMER_CALL.findall(pages)) == set()


def test_every_operation_of_a_queue_is_written_down(index: FunctionIndex) -> None:
    pages = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("coverage.md", "calling.md"))
    told = set(QUEUE_CALL.findall(pages))
    for queue, source in queues(index).items():
        for operation in re.findall(r'intake\.operation == "(\w+)"', source):
            assert (queue, operation) in told
