"""On Python 3.13 the app is indexed and invoked by the engine that Azure runs it with."""

import glob
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.calls import answers
from local.host.index import FunctionIndex
from local.processes import ROOT
from local.stack import Stack, StackOptions, app_environment
from tests.support.ports import take_ports
from tests.support.running import READ_WRITE, REQUESTS, Running
from tests.support.storage import AzuritePool

NEEDED = "azure_functions_runtime, azure.functions, azure.data.tables, azure.mgmt.compute, jwt, pydantic_settings"


@lru_cache(maxsize=1)
def python() -> str | None:
    """Return a Python that the engine runs on: ours, or one whose environment lies beside ours."""
    environments = [ROOT / ".local" / "venv-3.13", *map(Path, glob.glob(f"{Path(sys.prefix).parent}/*3*13*"))]
    candidates = [sys.executable] if sys.version_info >= (3, 13) else []
    candidates += [str(folder / "bin" / "python") for folder in environments]
    for candidate in candidates:
        if (
            shutil.which(candidate)
            and subprocess.run([candidate, "-c", f"import {NEEDED}"], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    return None


class Engine:
    """The app in the engine, in a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [str(python()), str(Path(__file__).with_name("engine.py")), str(ROOT)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.index = self._read()

    def invoke(self, function: str, **trigger: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"function": function, **trigger}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def http(self, function: str, method: str, path: str, token: str | None = None, body: object = None, **params: str) -> Any:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        content = "" if body is None else json.dumps(body)
        answer = self.invoke(
            function, http={"method": method, "url": f"http://localhost/api{path}", "headers": headers, "params": params, "body": content}
        )
        return answer | {"body": json.loads(answer["body"])}

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate()[1][-4000:])
        return json.loads(line)


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
    running = Engine(app_environment(parts.stack.options, parts.storage))
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
