"""On Python 3.13 the app is indexed and invoked by the engine that Azure runs it with."""

import json
from collections.abc import Iterator

import pytest

from local import processes
from local.calls import answers
from local.host.index import FunctionIndex
from local.processes import ROOT
from local.stack import Stack, StackOptions, app_environment
from tests.functions.engine_process import Engine, python
from tests.support.ports import take_ports
from tests.support.running import READ_WRITE, REQUESTS, Running
from tests.support.storage import AzuritePool


@pytest.fixture(scope="module")
def parts(azurites: AzuritePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Azurite and the simulated Azure, without a host of ours."""
    if python() is None:
        pytest.skip("no Python 3.13 with azure-functions-runtime here: Microsoft's engine cannot be asked")
    folder = tmp_path_factory.mktemp("engine")
    with azurites.lend() as azurite:
        first = take_ports(2)
        stack = Stack(StackOptions(data=folder, port=first, azure_port=first + 1, storage_port=azurite.port, speed=0))
        try:
            simulation = stack.start_simulation()
            processes.wait_until(simulation, lambda: answers(f"{stack.options.azure}/_simulation/clock"), 30)
            stack.seed()
            yield Running.on(stack, azurite.connection_string)
        finally:
            stack.stop()


@pytest.fixture(scope="module")
def engine(parts: Running) -> Iterator[Engine]:
    assert parts.stack is not None
    running = Engine(ROOT, app_environment(parts.stack.options, parts.storage))
    yield running
    running.close()


def test_it_finds_the_same_functions_as_our_host(engine: Engine, index: FunctionIndex) -> None:
    theirs = {name: bindings[0]["type"] for name, bindings in engine.index.items()}
    assert theirs == {name: str(function.trigger) for name, function in index.functions.items()}
    for name, bindings in engine.index.items():
        for member in ("route", "methods", "queueName", "connection", "schedule"):
            assert bindings[0].get(member) == index.functions[name].binding.get(member)


def test_it_serves_a_copy_from_request_to_the_start(parts: Running, engine: Engine) -> None:
    assert engine.http("health", "GET", "/health")["body"] == {"status": "up"}
    assert engine.http("list_restore_point_copies", "GET", "/restore-point-copies")["status"] == 401
    token = parts.token(*READ_WRITE)
    point = next(
        point["id"]
        for collection in parts.control("GET", "estate")["restorePointCollections"]
        for point in collection["restorePoints"]
        if "contoso-web01" in point["id"]
    )
    body = {"source": {"restorePointId": point}, "target": {"region": "northeurope", "resourceGroup": "contoso-recovery"}}
    accepted = engine.http("start_restore_point_copy", "POST", "/restore-point-copies", token, body)
    assert accepted["status"] == 202, accepted
    copy = accepted["body"]["id"]
    assert accepted["headers"]["Operation-Location"].endswith(f"/api/operations/{copy}")
    engine.invoke("restore_point_copy_steps", queue=json.dumps({"v": 1, "ids": [copy]}))
    seen = engine.http("get_restore_point_copy", "GET", f"/restore-point-copies/{copy}", token, id=copy)
    assert (seen["body"]["status"], seen["body"]["step"]) == ("Running", "copying")
    parts.control("POST", "clock", {"advance": "PT6H"})
    assert engine.invoke("tick", timer={}) is None
    with parts.queue("replication-checks") as checks:
        (message,) = checks.receive_messages()
    engine.invoke("replication_checks", queue=message.content)
    engine.invoke("restore_point_copy_steps", queue=json.dumps({"v": 1, "ids": [copy]}))
    ended = engine.http("get_operation", "GET", f"/operations/{copy}", token, id=copy)
    assert ended["body"]["status"] == "Succeeded"


def test_it_takes_messages_and_rejects_bad_ones(parts: Running, engine: Engine) -> None:
    assert engine.invoke("restore_point_copy_requests", queue="garbage") is None
    assert engine.invoke("poison", timer={}) is None
    listed = engine.http("list_rejected_messages", "GET", "/rejected-messages", parts.token("Admin", tenant="provider"))
    assert [(row["queue"], row["body"], row["reason"]["code"]) for row in listed["body"]["value"]] == [
        (REQUESTS, "garbage", "UnreadableMessage")
    ]
