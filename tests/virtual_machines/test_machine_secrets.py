"""Secrets in requests about machines: in every field of every route and message, and across a crash; none is found but in the vault."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.virtual_machines.kinds import VIRTUAL_MACHINE
from shared.web.routes import PATH_PARAMETER, Route
from tests.histories.workers import WorkerLostError
from tests.support.assembled import assembled
from tests.support.secret_audit import Marked, shows
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_classic_sample import plan
from tests.virtual_machines.test_creation import SAMPLE
from tests.virtual_machines.test_power_actions import with_power

VMS, VM = "/tenants/contoso/virtual-machines", "/virtual-machines/contoso-web01"
WRITES = [
    route
    for route in declared_routes(NAMES)
    if route.path.startswith("/tenants/{tenant}/") and route.method in {"POST", "PATCH", "DELETE"} and "data-centers" not in route.path
]
OPERATIONS = [
    operation for dispatch in assembled().dispatches.values() for kind, operation in dispatch.messages if kind == VIRTUAL_MACHINE.name
]


def kept(azure: Machines) -> str:
    """Return everything that the app has in tables, queues and the simulated Azure's records of requests and effects."""
    storage = azure.app.storage
    rows = [str(entity) for table in storage.tables.values() for entity, _ in table.rows.values()]
    messages = [text for queue in storage.queues.messages.values() for text in queue]
    return "\n".join((*rows, *messages, json.dumps(azure.effects(), ensure_ascii=False)))


def path_of(route: Route) -> str:
    known = {"tenant": "contoso", "vm": "contoso-web01", "lun": "0", "disk": "contoso-web01-os"}
    return PATH_PARAMETER.sub(lambda found: known.get(found[1], "a-name"), route.path)


def fields_of(route: Route) -> Iterator[str]:
    """Yield the members that a route's body can have, and some that it cannot."""
    model = route.request
    yield from (field.alias or name for name, field in (model.model_fields.items() if model is not None else ()))
    yield from ("adminPassword", "password", "adminPasword", "confirm")


def malformed(route: Route, secrets: Marked) -> Iterator[object]:
    """Yield bodies with a secret where it does not belong; each is refused."""
    for field in dict.fromkeys(fields_of(route)):
        if field != "tags":  # tags are texts of the caller's by names of its own
            yield {field: {"value": secrets.new()}}
        yield {field: [secrets.new()]}
    yield {"reprovision": {"adminPassword": {"value": secrets.new()}, "adminUsername": 1}}
    yield [secrets.new()]


def test_no_malformed_request_leaves_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def test(azure: Machines) -> None:
        secrets, answers = Marked(), list[str]()
        for route in WRITES:
            for body in malformed(route, secrets):
                answer = await azure.call(route.method, path_of(route), body)
                assert answer.status in {400, 404, 409}, (route.path, answer.status)
                answers.append(f"{dict(answer.headers)} {json.dumps(answer.body, ensure_ascii=False)}")
        assert len(answers) >= 200
        found = {place for place, text in {"answers": "\n".join(answers), "log": caplog.text, "kept": kept(azure)}.items()
                 if shows(text, secrets.values)}  # fmt: skip
        assert found == set()
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", plan)


def test_no_malformed_message_leaves_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def test(azure: Machines) -> None:
        secrets = Marked()
        for number, operation in enumerate(OPERATIONS):
            head = {"tenant": "contoso", "operation": f"virtualMachine.{operation}", "target": "contoso-web01", "lun": 0, "port": "ssh"}
            for part, field in enumerate(("adminPassword", "password", "reprovision", "tags", "confirm")):
                await azure.send({**head, "id": f"m{number}-{part}", field: {"value": secrets.new()}})
            await azure.send({**head, "id": f"n{number}", "reprovision": {"adminPassword": {"value": secrets.new()}}})
        rejected = (await azure.call("GET", "/rejected-messages?top=1000", tenant="provider", roles=("Admin",))).text_of_body()
        found = {place for place, text in {"answers": rejected, "log": caplog.text, "kept": kept(azure)}.items()
                 if shows(text, secrets.values)}  # fmt: skip
        assert found == set()
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", plan)


@pytest.mark.parametrize("fault", [
    None,
    {"fault": "error", "method": "PUT", "path": "networkInterfaces/", "status": 500, "times": 1},
    {"fault": "failMachine", "at": "create", "code": "AllocationFailed"},
    {"fault": "error", "method": "PUT", "path": "virtualMachines/", "status": 403, "code": "RequestDisallowedByPolicy", "times": 1},
], ids=["none", "500", "failed", "refused"])  # fmt: skip
def test_the_password_of_a_machine_is_in_the_vault_only(tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Json | None) -> None:
    caplog.set_level(logging.DEBUG)

    async def test(azure: Machines) -> None:
        secrets = Marked()
        if fault is not None:
            azure.fault(fault["fault"], **{name: value for name, value in fault.items() if name != "fault"})
        answer = await azure.call("POST", VMS, {**SAMPLE, "adminPassword": {"value": secrets.new()}})
        assert answer.status == 202, answer
        assert len(azure.app.vaults.names()) == 1
        ended = await azure.ended(answer.operation)
        text = f"{answer.text_of_body()} {json.dumps(ended, ensure_ascii=False)}"
        found = {place for place, shown in {"answers": text, "log": caplog.text, "kept": kept(azure)}.items()
                 if shows(shown, secrets.values)}  # fmt: skip
        assert found == set()
        assert azure.app.vaults.names() == [], "the operation deletes its secret at its end"

    run(test, tmp_path / "log", plan)


def test_a_crash_between_secret_and_acceptance_leaves_none_after_the_sweep(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        key = "00000000-0000-4000-8000-000000000001"
        azure.app.points.arm("accept.stored")
        with pytest.raises(WorkerLostError):
            await azure.call("POST", VMS, SAMPLE, key=key)
        assert azure.app.points.reached("accept.stored")
        (orphan,) = azure.app.vaults.names()
        assert (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"] == []
        again = await azure.call("POST", VMS, SAMPLE, key=key)
        assert again.status == 202, "the same request, sent again, writes another secret"
        assert (await azure.ended(again.operation))["status"] == "Succeeded"
        assert azure.app.vaults.names() == [orphan]
        await azure.pass_time(timedelta(days=1, hours=1))
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", plan)


def test_a_refusal_after_the_secret_was_written_deletes_it_at_once(tmp_path: Path) -> None:
    """Two requests for one machine at the same time: the lock refuses one of them."""

    async def test(azure: Machines) -> None:
        operation = await azure.start("POST", VM + "/shut-down", {"state": "deallocated"})
        refused = await azure.call("POST", VMS, {**SAMPLE, "name": "contoso-web01", "computerName": "web01"})
        assert (refused.status, refused.code) == (409, "ScopeBusy")
        assert azure.app.vaults.names() == []
        await azure.ended(operation)

    run(test, tmp_path / "log", with_power(powerState="running"))
