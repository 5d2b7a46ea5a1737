"""Quotas of tenants: what is admitted, refused at once or by the operation, reserved and released."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shared.quotas.admission import Claimed, excesses, reserved
from shared.quotas.counting import Dimension
from tests.virtual_machines.histories import settle
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import LINUX, ids, networks

VMS = "/virtual-machines"
VM = f"{VMS}/contoso-web01"
FOUR_MACHINES = 16
"""The cores of the sample's four machines of contoso."""
NONE = dict.fromkeys(Dimension)
AMOUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9).map(float), max_size=4)


@given(AMOUNTS, st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9).map(float)), max_size=5), st.integers(0, 30))
def test_what_is_admitted_never_exceeds_the_limit(listed: dict[str, float], wanted: list[tuple[str, float]], limit: int) -> None:
    dimension = Dimension.DISK_GB
    limits, seen = {**NONE, dimension: limit}, {**NONE, dimension: listed}
    before, admitted = sum(listed.values()), list[Claimed]()
    for one in (Claimed(name, {dimension: amount}) for name, amount in wanted):
        if excesses(limits, seen, admitted, [one]) == ():
            admitted.append(one)
    after = before + reserved(seen, admitted, dimension)
    assert after <= max(limit, before)
    made = dict(listed)  # the list shows what was made: nothing counts twice
    for one in admitted:
        made[one.id] = max(made.get(one.id, 0.0), one.amounts[dimension])
    assert sum(made.values()) == after
    assert reserved({**NONE, dimension: made}, admitted, dimension) == 0


def test_what_is_not_counted_is_not_admitted() -> None:
    own = [Claimed("a", {Dimension.CORES: 2.0, Dimension.DISK_GB: 1.0})]
    assert excesses({**NONE, Dimension.CORES: 10}, NONE, [], own) is None
    assert excesses(NONE, NONE, [], own) == ()


def limits(**quotas: int) -> Callable[[Json], None]:
    """Return a change of the estate: networks and quotas for contoso."""

    def change(estate: Json) -> None:
        networks(estate)
        next(one for one in estate["tenants"] if one["name"] == "contoso")["quotas"] = quotas

    return change


async def usage(azure: Machines, name: str) -> tuple[int, int, int]:
    body = (await azure.of("?include=usage")).body
    found = next(one for one in body["usage"] if one["name"] == name)
    return found["used"], found["reserved"], found["limit"]


def test_twenty_creations_at_once_into_room_for_three(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        used, nothing, limit = await usage(azure, "virtualMachines")
        assert (limit - used, nothing) == (3, 0)
        names = [f"role{number}" for number in range(20)]
        operations = [await azure.start("POST", VMS, {**LINUX, "name": name}) for name in names]
        azure.app.points.arm("step.claimed")
        ends = await settle(azure, operations, azure.app.chance)
        made = [name for name, end in zip(names, ends, strict=True) if end["status"] == "Succeeded"]
        assert len(made) == 3, ends
        assert {end["error"]["code"] for end in ends if end["status"] == "Failed"} == {"QuotaExceeded"}
        assert {end["error"]["target"] for end in ends if end["status"] == "Failed"} == {"virtualMachines"}
        assert len([one for one in azure.estate()["virtualMachines"] if "/role" in one["id"]]) == 3
        assert await usage(azure, "virtualMachines") == (limit, 0, limit)
        refused = await azure.call("POST", f"/tenants/contoso{VMS}", {**LINUX, "name": "more"})
        assert (refused.status, refused.code, refused.target) == (409, "QuotaExceeded", "virtualMachines")
        gone = await azure.done("DELETE", f"{VMS}/{made[0]}?confirm={made[0]}&deleteDisks=all")
        assert gone["status"] == "Succeeded", gone
        assert (await azure.done("POST", VMS, {**LINUX, "name": "more"}))["status"] == "Succeeded"
        assert azure.app.storage.table("quotas").rows == {}

    run(test, tmp_path / "log", limits(virtualMachines=7))


def test_a_running_creation_is_reserved_and_a_failed_one_released(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, used = ids(azure), await usage(azure, "cores")
        assert used[0] == FOUR_MACHINES
        azure.fault("failMachine", at="create", code="AllocationFailed")
        operation = await azure.start("POST", VMS, LINUX)
        await azure.pass_time(timedelta(seconds=2))
        assert await usage(azure, "cores") == (used[0], 2, used[2])
        refused = await azure.call("POST", f"/tenants/contoso{VMS}", {**LINUX, "name": "more"})
        assert [(one["target"]) for one in refused.body["error"]["details"]] == ["cores"]
        assert (await azure.ended(operation))["error"]["code"] == "CapacityUnavailable"
        assert ids(azure) == before
        assert await usage(azure, "cores") == used

    run(test, tmp_path / "log", limits(cores=FOUR_MACHINES + 3))


def test_disks_ports_sizes_and_images_count_too(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        used, _, _ = await usage(azure, "diskGB")
        refused = await azure.call("POST", f"/tenants/contoso{VM}/data-disks", {"sizeGB": 30_000})
        assert (refused.status, refused.code, refused.target) == (409, "QuotaExceeded", "diskGB")
        grown = await azure.call("PATCH", f"/tenants/contoso{VM}/data-disks/0", {"sizeGB": 4_000})
        assert (grown.status, grown.code) == (409, "QuotaExceeded"), grown
        assert (await azure.done("POST", f"{VM}/data-disks", {"sizeGB": 10}))["status"] == "Succeeded"
        assert (await usage(azure, "diskGB"))[:2] == (used + 10, 0)
        resized = await azure.done("PATCH", VM, {"size": "Standard_D8s_v3", "acceptInterruption": True, "acceptDeallocation": True})
        assert (resized["status"], resized["error"]["code"], resized["error"]["target"]) == ("Failed", "QuotaExceeded", "cores"), resized
        await azure.done("POST", f"{VM}/shut-down", {"state": "deallocated"})
        captured = await azure.done("POST", f"{VM}/capture", {
            "imageName": "golden", "after": "delete", "prepared": True, "confirm": "contoso-web01",
        })  # fmt: skip
        assert (captured["status"], captured["error"]["code"], captured["error"]["target"]) == ("Failed", "QuotaExceeded", "images")
        assert not (await azure.of(VM)).body["generalized"]
        port = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22}
        assert (await azure.done("POST", VMS, LINUX))["status"] == "Succeeded"
        opened = await azure.done("POST", f"{VMS}/lin01/ports", port)
        assert (opened["status"], opened["error"]["code"], opened["error"]["target"]) == ("Failed", "QuotaExceeded", "publicAddresses")

    run(test, tmp_path / "log", limits(diskGB=3_000, cores=FOUR_MACHINES + 3, images=0, publicAddresses=0))


def test_what_azure_does_not_show_is_waited_for(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault(
            "error", method="GET", path="providers/Microsoft.Compute/virtualMachines$", status=403, code="AuthorizationFailed", times=1_000
        )
        operation = await azure.start("POST", VMS, LINUX)
        for _ in range(6):
            await azure.pass_time(timedelta(minutes=1))
        assert (await azure.call("GET", f"/operations/{operation}")).body["status"] == "Running"
        assert azure.effects("/lin01") == []
        azure.app.platform.clear_faults()
        assert (await azure.ended(operation))["status"] == "Succeeded"

    run(test, tmp_path / "log", limits(virtualMachines=7))
