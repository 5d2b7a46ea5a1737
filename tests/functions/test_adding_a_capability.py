"""A capability is a folder and one line: everything else is derived from what it declares (docs/adding-a-capability.md)."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from local.calls import call
from tests.functions.engine_process import Engine, python
from tests.support.app_with_toys import with_toys
from tests.support.stacks import RunningHost

StartHost = Callable[..., RunningHost]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The app with the capability `toys`."""
    folder = tmp_path / "app"
    folder.mkdir()
    return with_toys(folder)


def test_its_triggers_and_routes_are_in_the_index(tree: Path) -> None:
    code = """if True:
        import json, function_app
        from functions.system import declared_routes
        bindings = [binding for found in function_app.app.get_functions() for binding in json.loads(str(found))["bindings"]]
        print(json.dumps([bindings, [route.path for route in declared_routes(())]]))
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=True)
    bindings, described = json.loads(done.stdout)
    assert {one.get("queueName") for one in bindings} >= {"toy-requests", "toy-steps"}
    assert {one.get("route") for one in bindings} >= {"toys", "toys/{id}"}
    assert {"/toys", "/toys/{id}"} <= set(described)


@pytest.mark.process
def test_microsofts_engine_indexes_its_functions(tree: Path) -> None:
    """Indexing reads no storage: the connection is only named."""
    if python() is None:
        pytest.skip("no Python 3.13 with azure-functions-runtime here: Microsoft's engine cannot be asked")
    engine = Engine(tree, {**os.environ, "AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    try:
        triggers = {name: bindings[0] for name, bindings in engine.index.items()}
    finally:
        engine.close()
    assert (triggers["make_toy"]["route"], triggers["get_toy"]["route"]) == ("toys", "toys/{id}")
    assert {triggers["toy_requests"]["queueName"], triggers["toy_steps"]["queueName"]} == {"toy-requests", "toy-steps"}
    assert {"start_restore_point_copy", "start_failover", "list_tenants"} <= set(triggers), "and the others are still there"


async def test_it_works_from_request_to_event_without_any_other_change(tree: Path, host: StartHost) -> None:
    stack = host(app=tree)
    _in_a_thread(stack.stack.seed)
    described = call("GET", f"{stack.api}/openapi.json").body
    assert {"/toys", "/toys/{id}"} <= set(described["paths"])
    token, reader = _token(stack, "Tenants.Write"), _token(stack, "Tenants.Read")
    refused = call("POST", f"{stack.api}/toys", {"name": "a"}, headers=reader)
    assert (refused.status, refused.body["error"]["code"]) == (403, "MissingRole")
    accepted = call("POST", f"{stack.api}/toys", {"name": "a"}, headers=token)
    assert accepted.status == 202, accepted.body
    _until(lambda: call("GET", f"{stack.api}/toys/{accepted.body['id']}", headers=reader).body["status"] == "Succeeded")
    with stack.queue("toy-requests") as queue:
        queue.send_message(json.dumps({"id": "m-1", "tenant": "contoso", "name": "b"}))
    subjects: list[str] = []

    def both_are_announced() -> bool:
        subjects.extend(json.loads(text)["type"] for text in stack.messages("outcomes"))
        return subjects.count("farshore.toy.succeeded") == 2

    _until(both_are_announced)
    assert stack.simulation is not None
    await stack.simulation.advance("PT2M")
    with TableServiceClient.from_connection_string(stack.storage) as tables:
        assert "toys" in {table.name for table in tables.list_tables()}
        table = tables.get_table_client("toys")
        _until(lambda: [row["RowKey"] for row in table.list_entities()] == ["ran"])


def _token(stack: RunningHost, *roles: str) -> dict[str, str]:
    """Return the header of a caller of contoso's with these roles."""
    made = call("POST", f"{stack.azure}/_simulation/tokens", {"roles": list(roles), "tenant": "contoso", "app": "tests"})
    return {"Authorization": f"Bearer {made.body['access_token']}"}


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the real time of real processes


def _in_a_thread(work: Callable[[], None]) -> None:
    # an event loop of its own cannot run inside the test's
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
