"""The structure that capabilities keep: each fact in one place, and an app imports nothing of what it does not serve."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions.capabilities import NAMES, load
from functions.system import declared_routes
from local.processes import ROOT
from shared.composition import queues_needed, tables_needed

CAPABILITIES = load(NAMES)
FUNCTIONS = ROOT / "functions"
SOURCES = {path: path.read_text(encoding="utf-8") for room in ("functions", "shared") for path in (ROOT / room).rglob("*.py")}
MOST_MODULES = 12
MOST_LINES = 900 - 70
"""Of the entry points of the system, copies and failovers: 900 with the 70 lines that tenants had before their registry was writable."""
LATER = {
    FUNCTIONS / "copies" / "policies.py": 170,
    FUNCTIONS / "copies" / "deletions.py": 30,
    FUNCTIONS / "copies" / "protection.py": 35,
    FUNCTIONS / "copies" / "restores.py": 90,
}
"""Copy policies, deletions, protection and restores came later, and have bounds of their own."""
MOST_LINES_OF_A_HANDLER = 10
WORDS = {"audit", "copies", "locks", "operations", "quotas", "rejected", "tenants"}
"""Tables whose names are other things too: capabilities, members of a row, events, parts of a path."""
ALSO_FIELDS = {"virtualMachine"}
"""Kinds whose names are members of documents too."""


def places(text: str) -> list[str]:
    """Return the modules that have a string constant, once for each time."""
    found = re.compile(rf"""(["']){re.escape(text)}\1""")
    return [str(path.relative_to(ROOT)) for path, source in SOURCES.items() for _ in found.findall(source)]


@pytest.mark.parametrize("queue", queues_needed(CAPABILITIES))
def test_each_queue_is_named_once(queue: str) -> None:
    assert len(places(queue)) == 1, places(queue)


@pytest.mark.parametrize("table", [table for table in tables_needed(CAPABILITIES) if len(places(table)) > 0 and table not in WORDS])
def test_each_table_is_named_once(table: str) -> None:
    assert len(places(table)) == 1, places(table)


@pytest.mark.parametrize("kind", [kind.name for one in CAPABILITIES for kind in one.kinds if kind.name not in {kind.noun, *ALSO_FIELDS}])
def test_each_kind_is_named_once(kind: str) -> None:
    assert len(places(kind)) == 1, places(kind)


def test_each_route_is_declared_once() -> None:
    routes = [(route.method, route.path) for route in declared_routes(NAMES)]
    assert len(routes) == len(set(routes))


def test_no_room_has_more_than_twelve_modules() -> None:
    rooms: dict[Path, int] = {}
    for path in SOURCES:
        if path.name != "__init__.py" and ROOT / "shared" in path.parents:
            rooms[path.parent] = rooms.get(path.parent, 0) + 1
    assert {str(room.relative_to(ROOT)): count for room, count in rooms.items() if count > MOST_MODULES} == {}


def test_the_entry_points_of_the_first_capabilities_are_short() -> None:
    first = [path for path in SOURCES if path.parent in {FUNCTIONS, FUNCTIONS / "copies", FUNCTIONS / "failovers"}]
    assert sum(len(SOURCES[path].splitlines()) for path in first if path not in LATER) <= MOST_LINES
    assert [path.name for path, most in LATER.items() if len(SOURCES[path].splitlines()) > most] == []


@pytest.mark.parametrize("module", [path for path in SOURCES if FUNCTIONS in path.parents], ids=lambda path: path.stem)
def test_no_handler_has_more_than_ten_lines(module: Path) -> None:
    """Handlers, and the functions that make them; what they decide belongs to `shared/`."""
    for node in ast.walk(ast.parse(SOURCES[module])):
        if isinstance(node, ast.AsyncFunctionDef):
            documented = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            lines = (node.end_lineno or 0) - node.body[1 if documented else 0].lineno + 1
            assert lines <= MOST_LINES_OF_A_HANDLER, f"{module.name}: {node.name} has {lines} lines"


ASK = """if True:
    import asyncio, json, sys
    import azure.functions as func
    import function_app
    from functions import serve
    from functions.capabilities import load
    from shared.composition import build
    from shared.settings import get_settings

    async def ask():
        app = await build(get_settings(), load(get_settings().capabilities))
        invoke = next(f.get_user_function() for f in function_app.app.get_functions() if f.get_function_name() == "list_operations")
        serve._runtime = app
        url = "http://localhost/api/operations"
        answer = await invoke(func.HttpRequest("GET", url, headers={}, params={}, route_params={}, body=b""))
        await app.close()
        return answer.status_code

    status = asyncio.run(ask())
    print(json.dumps([status, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(("capability", "foreign"), [("copies", ("failovers", "tenants")), ("failovers", ("copies", "tenants"))])
def test_an_app_of_one_capability_imports_nothing_of_another(capability: str, foreign: tuple[str, ...]) -> None:
    """Assembled against an address that nothing listens on: no storage is needed to see what is imported."""
    environment = {
        **os.environ,
        "FARSHORE_CAPABILITIES": capability,
        "AZURE_CLIENT_ID": "",
        "AzureWebJobsStorage__tableServiceUri": "https://127.0.0.1:1/t",
        "AzureWebJobsStorage__queueServiceUri": "https://127.0.0.1:1/q",
        "AzureWebJobsStorage__blobServiceUri": "https://127.0.0.1:1/b",
    }
    environment.pop("AzureWebJobsStorage", None)
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, modules = json.loads(done.stdout)
    assert status == 401
    assert f"shared.{capability}.assemble" in modules, "the capability was not assembled at all"
    strangers = [name for name in modules for other in foreign if name.startswith((f"shared.{other}", f"functions.{other}"))]
    assert strangers == []
