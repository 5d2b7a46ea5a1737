"""What the app consists of: its functions, their triggers, the routes that it serves, and that each is but an entry."""

import ast
import re
from pathlib import Path

import pytest

from functions.health import declared_routes
from local.host.index import FunctionIndex, TriggerType
from local.processes import ROOT
from shared.composition import QUEUES, STEP_QUEUES
from shared.operations.messages import CHECK_QUEUE
from shared.web.openapi import build
from shared.web.routes import compared

QUEUE_FUNCTIONS = {
    "receive_restore_point_copy_request": "restore-point-copy-requests",
    "run_restore_point_copy_step": "restore-point-copy-steps",
    "check_replication": "replication-checks",
}
ROUTES = {
    ("POST", "restore-point-copies"),
    ("GET", "restore-point-copies"),
    ("GET", "restore-point-copies/{id}"),
    ("POST", "restore-point-copies/{id}/cancel"),
    ("POST", "restore-point-copies/{id}/redo"),
    ("GET", "operations"),
    ("GET", "operations/{id}"),
    ("POST", "operations/{id}/cancel"),
    ("POST", "operations/{id}/retry"),
    ("GET", "rejected-messages"),
    ("POST", "rejected-messages/{id}/replay"),
    ("GET", "tenants"),
    ("GET", "tenants/{tenant}"),
    ("GET", "health"),
    ("GET", "openapi.json"),
    ("GET", "docs"),
}
MODULES = sorted((ROOT / "functions").glob("*.py"))
LONGEST = 30  # lines of code of one function, its documentation left out


def served(index: FunctionIndex) -> list[tuple[str, str]]:
    return [(method, function.binding["route"]) for function in index.of(TriggerType.HTTP) for method in function.binding["methods"]]


def test_the_app_serves_exactly_what_it_declares(index: FunctionIndex) -> None:
    found = served(index)
    assert len(found) == len(set(found))
    assert set(found) == compared(declared_routes())
    assert set(found) >= ROUTES


def test_the_description_describes_exactly_what_is_served(index: FunctionIndex) -> None:
    document = build(declared_routes(), "http://localhost/api")
    described = {(method.upper(), path.removeprefix("/")) for path, operations in document["paths"].items() for method in operations}
    assert described == set(served(index))


def test_access_is_checked_by_our_code_not_by_a_key(index: FunctionIndex) -> None:
    assert {str(function.binding["authLevel"]).upper() for function in index.of(TriggerType.HTTP)} == {"ANONYMOUS"}


def test_queues_are_listened_to_by_one_function_each(index: FunctionIndex) -> None:
    listening = {function.name: function.binding["queueName"] for function in index.of(TriggerType.QUEUE)}
    assert listening.items() >= QUEUE_FUNCTIONS.items()
    assert len(set(listening.values())) == len(listening)
    assert set(listening.values()) >= {*STEP_QUEUES, CHECK_QUEUE}, "a step that nobody runs"
    assert {function.binding["connection"] for function in index.of(TriggerType.QUEUE)} == {"AzureWebJobsStorage"}
    assert set(QUEUES) >= set(listening.values()), "the app makes the queues that it listens to"


def test_few_timers(index: FunctionIndex) -> None:
    timers = {function.name: function.binding for function in index.of(TriggerType.TIMER)}
    assert {"tick", "poison"} <= timers.keys() <= {"tick", "poison", "schedule"}
    assert timers["tick"]["schedule"] == "*/30 * * * * *"
    assert not any(timer.get("runOnStartup") for timer in timers.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_entry_points_know_no_sdk_but_the_platforms(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert not re.match(r"azure\b(?!\.functions\b)", name), f"{module.name} imports {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_entry_points_are_thin(module: Path) -> None:
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            first = node.body[1 if documented and len(node.body) > 1 else 0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            assert lines <= LONGEST, f"{module.name}: {node.name} has {lines} lines; what it decides belongs to shared/"
            assert not any(isinstance(inner, ast.For | ast.While) for inner in ast.walk(node)) or lines <= LONGEST // 2, node.name
