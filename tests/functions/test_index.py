"""What the app consists of: its functions, their triggers, the routes that it serves, and that each is but an entry."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from functions.capabilities import NAMES, load
from functions.system import declared_routes
from local.host.index import FunctionIndex, TriggerType
from local.processes import ROOT
from shared.capability import check_queues, intake_queues, step_queues
from shared.composition import queues_needed
from shared.web.openapi import build
from shared.web.routes import Owner, Route

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
MODULES = sorted((ROOT / "functions").rglob("*.py"))
LONGEST = 20  # lines of code of one function, its documentation left out


def compared(routes: Iterable[Route]) -> frozenset[tuple[str, str]]:
    """Return routes as (method, path without its leading slash)."""
    return frozenset((route.method, route.path.removeprefix("/")) for route in routes)


def served(index: FunctionIndex) -> list[tuple[str, str]]:
    bindings = [function.binding for function in index.of(TriggerType.HTTP)]
    return [(method, binding["route"]) for binding in bindings for method in binding["methods"] if method != "HEAD"]


def test_the_app_serves_exactly_what_it_declares(index: FunctionIndex) -> None:
    found = served(index)
    assert len(found) == len(set(found))
    assert set(found) == compared(declared_routes(NAMES))
    assert set(found) >= ROUTES


def test_the_description_describes_exactly_what_is_served(index: FunctionIndex) -> None:
    document = build(declared_routes(NAMES), "http://localhost/api")
    described = {(method.upper(), path.removeprefix("/")) for path, operations in document["paths"].items() for method in operations}
    assert described == set(served(index))


ALWAYS = {
    ("GET", "operations"),
    ("GET", "operations/{id}"),
    ("POST", "operations/{id}/cancel"),
    ("POST", "operations/{id}/retry"),
    ("POST", "operations/{id}/resolve"),
    ("GET", "rejected-messages"),
    ("POST", "rejected-messages/{id}/replay"),
    ("GET", "health"),
    ("GET", "openapi.json"),
    ("GET", "docs"),
}
OF_CAPABILITY = {
    "copies": {("POST", "restore-point-copies"), ("POST", "restore-point-copies/{id}/redo")},
    "failovers": {("POST", "failovers"), ("GET", "protected-items"), ("PUT", "drill-policies/{name}")},
    "data_centers": {("GET", "tenants/{tenant}/data-centers"), ("GET", "azure-packs")},
    "virtual_machines": {("GET", "tenants/{tenant}/virtual-machines"), ("POST", "tenants/{tenant}/virtual-machines/{vm}/start")},
    "tenants": {("GET", "tenants"), ("GET", "tenants/{tenant}"), ("GET", "readiness"), ("GET", "tenants/{tenant}/readiness")},
}


def indexed_as(capabilities: str) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    """Return the routes, queues and timers of an app that serves these capabilities, indexed in a process of its own."""
    code = """if True:
        import json, function_app
        bindings = [json.loads(str(found)) for found in function_app.app.get_functions()]
        print(json.dumps([binding for found in bindings for binding in found["bindings"]]))
    """
    environment = {**os.environ, "FARSHORE_CAPABILITIES": capabilities}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    bindings = json.loads(done.stdout)
    routes = {
        (method, each["route"]) for each in bindings if each["type"] == "httpTrigger" for method in each["methods"] if method != "HEAD"
    }
    queues = {each["queueName"] for each in bindings if each["type"] == "queueTrigger"}
    return routes, queues, {each["schedule"] for each in bindings if each["type"] == "timerTrigger"}


@pytest.mark.parametrize("capability", OF_CAPABILITY)
def test_an_app_serves_what_its_capability_is_and_nothing_of_another(capability: str) -> None:
    routes, queues, timers = indexed_as(capability)
    assert routes >= ALWAYS | OF_CAPABILITY[capability]
    assert not [route for name, others in OF_CAPABILITY.items() if name != capability for route in others & routes]
    assert routes == compared(declared_routes((capability,))), "its description is of what it serves"
    own = load([capability])
    assert queues == {*intake_queues(own), *step_queues(own), *check_queues(own)}
    assert len(timers) == 3, "each app has its heartbeat"


def test_by_default_an_app_serves_everything_that_there_is(index: FunctionIndex) -> None:
    parts = [indexed_as(capability) for capability in OF_CAPABILITY]
    assert set().union(*(routes for routes, _, _ in parts)) == set(served(index))
    together = [route for routes, _, _ in parts for route in routes - ALWAYS]
    assert len(together) == len(set(together)), "a route of two capabilities"


def test_access_is_checked_by_our_code_not_by_a_key(index: FunctionIndex) -> None:
    assert {str(function.binding["authLevel"]).upper() for function in index.of(TriggerType.HTTP)} == {"ANONYMOUS"}


def test_one_function_processes_each_queue(index: FunctionIndex) -> None:
    listening = [function.binding["queueName"] for function in index.of(TriggerType.QUEUE)]
    assert len(set(listening)) == len(listening)
    assert {*listening, "outcomes"} == set(queues_needed(load(NAMES))), "the app makes the queues that it processes"
    assert {function.binding["connection"] for function in index.of(TriggerType.QUEUE)} == {"AzureWebJobsStorage"}


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


def test_a_route_is_open_to_all_exactly_where_nothing_of_a_tenant_is_shown() -> None:
    for route in declared_routes(NAMES):
        assert route.owner is not None, f"{route.method} {route.path} declares no owner"
        assert (route.needed is None) == (route.owner is Owner.OPEN), route.path


def test_open_routes_answer_head_too(index: FunctionIndex) -> None:
    """Front Door's probes send HEAD."""
    heads = {function.binding["route"] for function in index.of(TriggerType.HTTP) if "HEAD" in function.binding["methods"]}
    assert heads == {"health", "openapi.json", "docs", "one-time-secrets"}
