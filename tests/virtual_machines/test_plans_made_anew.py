"""Creations whose first plan did not hold: what they had made by then goes or is used, and their end has Azure's reason."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from local.simulation.arm.outcome import Outcome, Received, error
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_azure_failures import outside
from tests.virtual_machines.test_creation import GROUP, LINUX, ids, networks

VMS = "/virtual-machines"
FRONT: Json = {**LINUX, "deployment": {"name": "front"}}
PORT: Json = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22}


def test_a_refusal_of_the_second_plan_removes_what_the_first_one_made(tmp_path: Path) -> None:
    """Azure hides the deployment's balancer while a machine is planned: its port is found taken once the rest was begun."""

    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, {**FRONT, "name": "first", "ports": [PORT]}))["status"] == "Succeeded"
        before = ids(azure)
        azure.fault("hide", method="GET", path="(loadBalancers|publicIPAddresses)/[^/]+$", lists=True, times=None, duration="PT6M")
        ended = await azure.done("POST", VMS, {**FRONT, "dataDisks": [{"sizeGB": 4}], "ports": [PORT]})
        assert (ended["status"], ended["error"]["code"], ended["error"]["target"]) == ("Failed", "PortTaken", "ports[0].port"), ended
        assert (ended["result"]["left"], ids(azure)) == ([], before)

    run(test, tmp_path / "log", networks)


@contextmanager
def others_remove_the_set(azure: Machines, *more: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Put the deployment's set into Azure, and remove it and more just before the first PUT of the machine."""
    group = next(one["id"] for one in azure.estate()["resourceGroups"] if one["id"].endswith(f"/{GROUP}"))
    front = f"{group}/providers/Microsoft.Compute/availabilitySets/front"
    counts = {"platformUpdateDomainCount": 5, "platformFaultDomainCount": 2}
    body = {"location": "westeurope", "sku": {"name": "Aligned"}, "tags": {"farshore-slot": "Production"}, "properties": counts}
    assert outside(azure, "PUT", front, body) in {200, 201}
    receive, deleted = azure.app.gate.receive, list[int]()

    def others(request: Received) -> Outcome:
        if request.method == "PUT" and request.path.endswith("/virtualMachines/lin01") and not deleted:
            deleted.extend(outside(azure, "DELETE", path) for path in (front, *more))
            then()
        return receive(request)

    with patch.object(azure.app.gate, "receive", others):
        yield
    assert deleted
    assert set(deleted) <= {200, 202, 204}


def test_a_set_that_is_gone_by_the_machines_turn_is_made_again(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        with others_remove_the_set(azure):
            ended = await azure.done("POST", VMS, {**FRONT, "ports": [PORT]})
        assert ended["status"] == "Succeeded", ended["error"]
        assert len(in_group(azure.estate(), "availabilitySets", GROUP)) == 1
        gone = await azure.done("DELETE", f"{VMS}/lin01?confirm=lin01&deleteDisks=all")
        assert (gone["status"], gone["result"]["left"]) == ("Succeeded", []), gone

    run(test, tmp_path / "log", networks)


def golden(estate: Json) -> str:
    """Return the id of an image of contoso."""
    group = next(one["id"] for one in estate["resourceGroups"] if one["id"].endswith(f"/{GROUP}"))
    return f"{group}/providers/Microsoft.Compute/images/golden"


def with_an_image(estate: Json) -> None:
    networks(estate)
    disk = {"osType": "Linux", "osState": "Generalized", "diskSizeGB": 30, "storageAccountType": "Standard_LRS"}
    properties = {"provisioningState": "Succeeded", "hyperVGeneration": "V2", "storageProfile": {"osDisk": disk, "dataDisks": []}}
    estate["images"] = [{"id": golden(estate), "location": "westeurope", "properties": properties}]


def test_a_creation_whose_set_and_image_are_gone_ends(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, image = ids(azure), golden(azure.estate())
        with others_remove_the_set(azure, image):
            ended = await azure.done("POST", VMS, {**FRONT, "image": image, "ports": [PORT]})
        assert (ended["status"], ended["result"]["left"], ids(azure)) == ("Failed", [], before), ended

    run(test, tmp_path / "log", with_an_image)


def test_a_creation_whose_set_is_gone_and_whose_service_stays_hidden_ends(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)

        def hide() -> None:
            azure.fault("hide", method="GET", path=f"resourceGroups/{GROUP}$", times=None, duration="PT4H")

        with others_remove_the_set(azure, then=hide):
            ended = await azure.done("POST", VMS, {**FRONT, "ports": [PORT]})
        assert (ended["status"], ended["error"]["code"], ended["error"]["target"]) == ("Failed", "NotFound", "service"), ended
        assert (ended["result"]["left"], ids(azure)) == ([], before)

    run(test, tmp_path / "log", networks)


def test_a_creation_whose_set_and_tenant_are_gone_ends(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, by_name, removed = ids(azure), Registry.by_name, list[bool]()

        async def unless_removed(registry: Registry, name: str) -> Tenant | None:
            return None if removed else await by_name(registry, name)

        with others_remove_the_set(azure, then=lambda: removed.append(True)), patch.object(Registry, "by_name", unless_removed):
            operation = await azure.start("POST", VMS, {**FRONT, "ports": [PORT]})
            for _ in range(12):  # Azure's refusal of the machine is taken for one that passes, for half an hour
                await azure.pass_time(timedelta(minutes=5))
        ended = await azure.ended(operation)
        assert (ended["status"], ended["error"]["code"], ended["result"]["left"]) == ("Failed", "NotFound", []), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def with_a_disk(estate: Json) -> None:
    networks(estate)
    group = next(one["id"] for one in estate["resourceGroups"] if one["id"].endswith(f"/{GROUP}"))
    theirs = {"id": f"{group}/providers/Microsoft.Compute/disks/theirs", "location": "westeurope", "sku": "StandardSSD_LRS", "sizeGB": 4}
    estate["disks"].append(theirs)


@pytest.mark.parametrize(("path", "body", "target"), [
    (VMS, {**LINUX, "dataDisks": [{"sizeGB": 512, "name": "theirs"}]}, "dataDisks"),
    (f"{VMS}/contoso-vault01/data-disks", {"sizeGB": 512, "name": "theirs"}, "name"),
], ids=["new machine", "added"])  # fmt: skip
def test_a_disk_of_others_is_not_taken_over_while_it_is_hidden(tmp_path: Path, path: str, body: Json, target: str) -> None:
    async def test(azure: Machines) -> None:
        def theirs() -> list[Json]:
            return [one for one in in_group(azure.estate(), "disks", GROUP) if one["id"].endswith("/theirs")]

        before = theirs()
        azure.fault("hide", method="GET", path="disks/theirs$", times=None, duration="PT1H")
        ended = await azure.done("POST", path, body)
        assert theirs() == before
        assert (ended["status"], ended["error"]["code"], ended["error"]["target"]) == ("Failed", "NameTaken", target), ended

    run(test, tmp_path / "log", with_a_disk)


@pytest.mark.parametrize("ports", [[PORT], []], ids=["ports", "no ports"])
def test_a_set_that_a_read_hides_after_its_put_is_the_operations_own(tmp_path: Path, ports: list[Json]) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("hide", method="GET", path="availabilitySets/front$", times=None, duration="PT3M")
        azure.fault("failMachine", at="create", code="AllocationFailed")
        ended = await azure.done("POST", VMS, {**FRONT, "ports": ports})
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable"), ended["error"]
        assert (ended["result"]["left"], ids(azure)) == ([], before)

    run(test, tmp_path / "log", networks)


def test_a_disk_that_is_hidden_for_longer_than_it_takes_to_count_as_gone_is_the_operations_own(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("hide", method="GET", path="disks/mine$", times=None, duration="PT15M")
        ended = await azure.done("POST", VMS, {**LINUX, "dataDisks": [{"sizeGB": 4, "name": "mine"}]})
        assert ended["status"] == "Succeeded", ended["error"]

    run(test, tmp_path / "log", networks)


def test_a_machine_that_azure_never_shows_ends_with_the_reason_of_its_operation(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        azure.fault("hide", method="GET", path="virtualMachines/lin01$", lists=True, times=None, duration="PT30M")
        ended = await azure.done("POST", VMS, LINUX)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable"), ended["error"]
        assert (ended["result"]["left"], ids(azure)) == ([], before)

    run(test, tmp_path / "log", networks)


def test_machines_of_one_slot_do_not_wait_for_each_others_locks(tmp_path: Path) -> None:
    """The first machine fails, and waits for its hidden set with the deployment's lock dropped; the second waits for the slot."""

    async def test(azure: Machines) -> None:
        before, receive = ids(azure), azure.app.gate.receive

        def refusing(request: Received) -> Outcome:
            if request.method != "PUT" or "/networkInterfaces/" not in request.path:
                return receive(request)
            azure.fault("hide", method="GET", path="/availabilitySets/front$", times=None, duration="PT5M")
            return error(400, "InvalidRequestFormat", "The adapter is refused.")

        first = await azure.start("POST", VMS, FRONT)
        with patch.object(azure.app.gate, "receive", refusing):
            while not azure.effects("/availabilitySets/front", "PUT"):
                await azure.pass_time(timedelta(seconds=1))
            await azure.pass_time(timedelta(seconds=30))
        second = await azure.start("POST", VMS, {**FRONT, "name": "second"})
        assert ((await azure.ended(first))["status"], (await azure.ended(second))["status"]) == ("Failed", "Succeeded")
        gone = await azure.done("DELETE", f"{VMS}/second?confirm=second&deleteDisks=all")
        assert (gone["status"], gone["result"]["left"], ids(azure)) == ("Succeeded", [], before), gone

    run(test, tmp_path / "log", networks)
