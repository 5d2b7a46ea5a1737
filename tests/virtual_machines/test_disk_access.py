"""Read access to disks: granted, shown once, revoked, ended; its SAS is kept in Key Vault alone."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.simulation.compute.state import ComputeState
from tests.support.secret_audit import shows
from tests.support.secrets import OWN
from tests.virtual_machines.kit import ROLES, Json, Machines, run
from tests.virtual_machines.test_power_actions import with_power

VM = "/virtual-machines/contoso-web01"
DISK = "/disks/contoso-web01-os"
DISKS = "contoso-web01-os"
OFF = with_power(powerState="deallocated")


def os_disk(azure: Machines) -> Json:
    """Return the disk as Azure has it."""
    return next(one for one in azure.estate()["disks"] if one["id"].endswith("/contoso-web01-os"))


def kept_anywhere(azure: Machines, sas: str) -> list[str]:
    """Return where storage has the signature of a SAS, in any form."""
    signature = sas.partition("&sig=")[2]
    storage = azure.app.storage
    rows = [f"{name} {row}" for name, table in storage.tables.items() for row, _ in table.rows.values() if shows(str(row), [signature])]
    return rows + [queue for queue, messages in storage.queues.messages.items() if shows(str(messages), [signature])]


def test_an_access_is_granted_shown_once_and_revoked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(azure: Machines) -> None:
        operation = await azure.start("POST", f"{DISK}/access", {"duration": "PT4H"})
        early = await azure.call("POST", f"/tenants/contoso{DISK}/access/{operation}/reveal")
        assert (early.status, early.code) == (409, "NotReady")
        ended = await azure.ended(operation)
        assert (ended["status"], ended["action"]) == ("Succeeded", "grantAccess"), ended
        shown = (await azure.of(DISK)).body
        assert (shown["state"], shown["access"]) == (
            "ActiveSAS", {"operation": operation, "expiresAt": ended["result"]["expiresAt"], "revealed": False},
        )  # fmt: skip
        assert (await azure.call("POST", f"/tenants/contoso{VM}/start")).code == "DiskAccessActive"
        again = await azure.call("POST", f"/tenants/contoso{DISK}/access", {})
        assert (again.status, again.code) == (409, "DiskAccessActive")
        stranger = await azure.call("POST", f"/tenants/contoso{DISK}/access/{operation}/reveal", user="bob")
        assert (stranger.status, stranger.code) == (404, "NotFound")
        elsewhere = await azure.call("POST", f"/tenants/contoso/disks/contoso-web01-data0/access/{operation}/reveal")
        assert elsewhere.code == "NotFound"
        calls = [azure.call("POST", f"/tenants/contoso{DISK}/access/{operation}/reveal") for _ in range(20)]
        answers = await asyncio.gather(*calls)
        (revealed,) = [one for one in answers if one.status == 200]
        assert {(one.status, one.code) for one in answers if one is not revealed} == {(410, "SecretGone")}
        sas = revealed.body["accessSas"]
        assert revealed.body["expiresAt"] == ended["result"]["expiresAt"]
        assert azure.app.vaults.names() == []
        assert (await azure.of(DISK)).body["access"]["revealed"]
        assert opens(azure, sas)
        revoked = await azure.done("DELETE", f"{DISK}/access")
        assert (revoked["status"], revoked["result"]["changed"]) == ("Succeeded", True), revoked
        assert not opens(azure, sas)
        assert (await azure.of(DISK)).body["access"] is None
        assert (await azure.done("DELETE", f"{DISK}/access"))["result"]["changed"] is False
        gone = await azure.call("POST", f"/tenants/contoso{DISK}/access/{operation}/reveal")
        assert (gone.status, gone.code) == (410, "SecretGone")
        assert (await azure.done("POST", f"{VM}/start"))["result"]["powerState"] == "running"
        assert kept_anywhere(azure, sas) == []
        assert not shows(caplog.text, [sas.partition("&sig=")[2]])
        assert not shows(str(azure.app.platform.effects.since(0)), [sas.partition("&sig=")[2]])

    with caplog.at_level("DEBUG"):
        run(test, tmp_path / "log", OFF)


def test_an_access_of_a_disk_that_reads_do_not_show_is_revoked_in_azure_all_the_same(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        granted = await azure.done("POST", f"{DISK}/access", {"duration": "PT4H"})
        revealed = await azure.call("POST", f"/tenants/contoso{DISK}/access/{granted['id']}/reveal")
        operation = await azure.start("DELETE", f"{DISK}/access")
        azure.fault("hide", method="GET", path=f"disks/{DISKS}$", duration="PT6M")
        ended = await azure.ended(operation)
        assert (ended["status"], ended["result"]["changed"]) == ("Succeeded", True), ended
        assert not opens(azure, revealed.body["accessSas"])

    run(test, tmp_path / "log", OFF)


def opens(azure: Machines, sas: str) -> bool:
    """Return whether Azure would serve a disk for a SAS now: the disk's access is open, and its signature the SAS's."""
    platform = azure.app.platform
    row = platform.world.of(ComputeState).disk(os_disk(azure)["id"], platform.clock.now())
    return row is not None and row.accessed(platform.clock.now()) and sas == row.signature()


def private(estate: Json) -> None:
    OFF(estate)
    next(one for one in estate["disks"] if one["id"].endswith("/contoso-web01-os"))["networkAccessPolicy"] = "DenyAll"


def not_at_all(estate: Json) -> None:
    OFF(estate)
    next(one for one in estate["tenants"] if one["name"] == "contoso")["settings"] = {"diskAccessLongest": None}


@pytest.mark.parametrize(("change", "code"), [
    (with_power(powerState="running"), "DiskInUse"), (private, "DiskNotExportable"), (not_at_all, "NotOffered"),
])  # fmt: skip
def test_what_cannot_be_opened_is_refused(tmp_path: Path, change: Callable[[Json], None], code: str) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.call("POST", f"/tenants/contoso{DISK}/access", {})
        assert (answer.status, answer.code, answer.target) == (409, code, "disk")
        for body in ({"duration": "P2D"}, {"duration": "PT30S"}, {"duration": "P61D"}, {"access": "Write"}):
            answer = await azure.call("POST", f"/tenants/contoso{DISK}/access", body)
            wanted = (409, "NotOffered") if code == "NotOffered" and body == {"duration": "P2D"} else (400, "InvalidRequest")
            assert (answer.status, answer.code) == wanted, body
        assert azure.effects() == []

    run(test, tmp_path / "log", change)


def test_an_access_that_ends_by_itself_leaves_neither_secret_nor_row(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        ended = await azure.done("POST", f"{DISK}/access", {"duration": "PT10M"})
        assert len(azure.app.vaults.names()) == 1
        for _ in range(12):
            await azure.pass_time(timedelta(minutes=1))
        gone = await azure.call("POST", f"/tenants/contoso{DISK}/access/{ended['id']}/reveal")
        assert gone.code == "SecretGone"
        assert azure.app.vaults.names() == []
        assert (await azure.of(DISK)).body["access"] is None
        ends = (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"]
        assert [(one["action"], one["status"]) for one in ends] == [("revokeAccess", "Succeeded"), ("grantAccess", "Succeeded")]

    run(test, tmp_path / "log", OFF)


def test_revoke_by_message_and_no_grant_by_message(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.send({"id": "m0", "tenant": "contoso", "operation": "virtualMachine.grantAccess", "target": DISKS})
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert [(one["reason"]["code"], one["reason"]["target"]) for one in rejected] == [("InvalidRequest", "operation")]
        await azure.done("POST", f"{DISK}/access", {})
        await azure.send({"id": "m1", "tenant": "contoso", "operation": "virtualMachine.revokeAccess", "target": os_disk(azure)["id"]})
        for _ in range(4):
            await azure.pass_time(timedelta(seconds=30))
        assert (await azure.of(DISK)).body["state"] == "Reserved"

    run(test, tmp_path / "log", OFF)


FAULTS: dict[str, Json] = {
    "the answer of the grant is lost": {"fault": "lostResponse", "method": "POST", "path": "/beginGetAccess"},
    "the grant comes late": {"fault": "lateEffect", "delay": "PT1M", "method": "POST", "path": "/beginGetAccess"},
    "500 after the grant": {"fault": "errorAfterEffect", "status": 500, "method": "POST", "path": "/beginGetAccess"},
    "the operation cannot be read": {"fault": "error", "status": 404, "code": "NotFound", "method": "GET", "path": "/operations/"},
    "a refusal, then the answer is lost": {"fault": "error", "status": 429, "code": "TooManyRequests", "path": "/beginGetAccess"},
}


@pytest.mark.parametrize(("fault", "point"), [
    ("the answer of the grant is lost", "step.sent"),
    ("the grant comes late", "access.stored"),
    ("500 after the grant", "step.intended"),
    ("the operation cannot be read", "step.ended"),
    ("a refusal, then the answer is lost", "finish.written"),
])  # fmt: skip
def test_a_grant_survives_what_is_lost_and_who_dies(tmp_path: Path, fault: str, point: str) -> None:
    async def test(azure: Machines) -> None:
        found = FAULTS[fault]
        azure.fault(str(found["fault"]), times=1, **{name: value for name, value in found.items() if name != "fault"})
        azure.app.points.arm(point)
        ended = await azure.done("POST", f"{DISK}/access", {})
        assert ended["status"] == "Succeeded", ended
        assert len(azure.app.vaults.names()) == 1
        revealed = await azure.call("POST", f"/tenants/contoso{DISK}/access/{ended['id']}/reveal")
        assert opens(azure, revealed.body["accessSas"])
        assert azure.app.points.reached(point)
        revoked = await azure.done("DELETE", f"{DISK}/access")
        assert revoked["status"] == "Succeeded", revoked
        assert not opens(azure, revealed.body["accessSas"])
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", OFF)


def test_a_vault_that_is_down_delays_and_one_that_refuses_ends_the_access(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        vaults = azure.app.vaults
        vaults.down = True
        operation = await azure.start("POST", f"{DISK}/access", {})
        await azure.pass_time(timedelta(minutes=1))
        vaults.down = False
        assert (await azure.ended(operation))["status"] == "Succeeded"
        await azure.done("DELETE", f"{DISK}/access")
        later = await azure.start("POST", f"{DISK}/access", {})
        vaults.deleted.add((OWN, f"access-{later}"))  # a name that the vault does not take
        ended = await azure.ended(later)
        assert ended["status"] == "Failed", ended
        assert (await azure.of(DISK)).body["state"] == "Reserved"

    run(test, tmp_path / "log", OFF)


def test_a_tenant_cannot_open_anothers_disk(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        theirs: Any = next(one["id"] for one in azure.estate()["disks"] if "/fabrikam" in one["id"])
        name = theirs.rpartition("/")[2]
        answer = await azure.call("POST", f"/tenants/contoso/disks/{name}/access", {})
        assert (answer.status, answer.code) == (404, "NotFound")
        await azure.send({"id": "m1", "tenant": "contoso", "operation": "virtualMachine.revokeAccess", "target": theirs})
        await azure.pass_time(timedelta(minutes=5))  # to its fifth delivery: one look at Azure may be wrong
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert [one["reason"]["code"] for one in rejected] == ["NotFound"]
        reader = await azure.call("POST", f"/tenants/contoso{DISK}/access", {}, roles=(ROLES[0],))
        assert reader.code == "MissingRole"

    run(test, tmp_path / "log", OFF)
