"""Deletions that never reach Azure while what they are of is hidden: nothing counts as deleted because one read answers 404."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from local.simulation.arm.outcome import Outcome, Received, error
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import SAMPLE, ids, networks

VMS = "/virtual-machines"
OF_A_MACHINE = (
    "/disks/sampleRole-os", "/disks/sampleRole-data0", "/networkInterfaces/", "/networkSecurityGroups/", "/inboundNatRules/",
    "/backendAddressPools/", "/virtualMachines/sampleRole",
)  # fmt: skip
SHARED = ("/availabilitySets/", "/loadBalancers/", "/publicIPAddresses/")


@contextmanager
def lost_and_hidden(azure: Machines, path: str) -> Iterator[None]:
    """Let the first deletion of a resource be lost before Azure, which hides the resource for some minutes from then on."""
    receive, lost = azure.app.gate.receive, list[str]()

    def faulty(request: Received) -> Outcome:
        if request.method == "DELETE" and path.lower() in request.path.lower() and not lost:
            lost.append(request.path)
            azure.fault("hide", method="GET", path=f"{request.path}$", times=None, duration="PT6M")
            return error(500, "InternalServerError", "The deletion never arrived.")
        return receive(request)

    with patch.object(azure.app.gate, "receive", faulty):
        yield
    assert lost


@pytest.mark.parametrize("path", [*OF_A_MACHINE, *SHARED])
def test_a_failed_creation_leaves_nothing_over(tmp_path: Path, path: str) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        with lost_and_hidden(azure, path):
            ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["result"]["left"]) == ("Failed", []), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize("path", [*OF_A_MACHINE, *SHARED])
def test_a_deletion_leaves_nothing_over(tmp_path: Path, path: str) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        assert (await azure.done("POST", VMS, SAMPLE))["status"] == "Succeeded"
        with lost_and_hidden(azure, path):
            ended = await azure.done("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        assert (ended["status"], ended["result"]["left"]) == ("Succeeded", []), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_a_deletion_that_fails_while_its_machine_is_hidden_has_failed(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, SAMPLE))["status"] == "Succeeded"
        before = ids(azure)
        azure.fault("failMachine", at="delete", code="OperationNotAllowed")
        operation = await azure.start("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        while not azure.effects("sampleRole", "DELETE"):
            await azure.pass_time(timedelta(seconds=1))
        azure.fault("hide", method="GET", path="/virtualMachines/sampleRole$", times=None, duration="PT8M")
        ended = await azure.ended(operation)
        assert (ended["status"], ended["error"]["details"][0]["code"]) == ("Failed", "OperationNotAllowed"), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_a_failed_machine_whose_deletion_fails_while_it_is_hidden_leaves_nothing_over(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        azure.fault("failMachine", at="delete", code="OperationNotAllowed")
        operation = await azure.start("POST", VMS, SAMPLE)
        while not azure.effects("/virtualMachines/sampleRole", "DELETE"):
            await azure.pass_time(timedelta(seconds=1))
        azure.fault("hide", method="GET", path="/virtualMachines/sampleRole$", times=None, duration="PT1M")
        ended = await azure.ended(operation)
        assert (ended["status"], ended["result"]["left"]) == ("Failed", []), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


async def hidden_while_it_is_deleted(azure: Machines, operation: str) -> Json:
    """Hide a machine for most of the 30 seconds that its deletion lasts in Azure, and return the operation's end."""
    while not azure.effects("/virtualMachines/sampleRole", "DELETE"):
        await azure.pass_time(timedelta(seconds=1))
    azure.fault("hide", method="GET", path="/virtualMachines/sampleRole$", times=None, duration="PT15M")
    for _ in range(25):
        await azure.pass_time(timedelta(seconds=1))
    assert [one for one in azure.effects("", "DELETE") if "/virtualMachines/" not in one["path"]] == []
    azure.app.platform.clear_faults()
    return await azure.ended(operation)


def test_a_deletion_that_goes_on_while_its_machine_is_hidden_removes_nothing_before_it_ends(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, SAMPLE))["status"] == "Succeeded"
        azure.fault("failMachine", at="delete", code="OperationNotAllowed")
        operation = await azure.start("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        before = ids(azure)
        ended = await hidden_while_it_is_deleted(azure, operation)
        assert (ended["status"], ids(azure)) == ("Failed", before), ended

    run(test, tmp_path / "log", networks)


def test_a_failed_machine_that_is_hidden_while_it_is_deleted_keeps_what_it_uses_until_then(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        ended = await hidden_while_it_is_deleted(azure, await azure.start("POST", VMS, SAMPLE))
        assert (ended["status"], ended["result"]["left"], ids(azure)) == ("Failed", [], before), ended

    run(test, tmp_path / "log", networks)


def test_a_deletion_whose_operation_can_no_longer_be_read_ends_once_the_machine_counts_as_gone(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        assert (await azure.done("POST", VMS, SAMPLE))["status"] == "Succeeded"
        azure.fault("error", method="GET", path="Microsoft.Compute/locations/[^/]+/operations/", status=404, code="NotFound", times=1_000)
        operation = await azure.start("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        for _ in range(9):
            await azure.pass_time(timedelta(minutes=1))
        assert [one for one in azure.effects("", "DELETE") if "/virtualMachines/" not in one["path"]] == []
        ended = await azure.ended(operation)
        assert (ended["status"], ended["result"]["left"], ids(azure)) == ("Succeeded", [], before), ended

    run(test, tmp_path / "log", networks)
