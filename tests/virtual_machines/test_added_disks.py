"""Data disks that a machine cannot have: the place, the sort and the size of an existing one, the size's limits, the plan's types. Pure."""

from dataclasses import replace

import pytest

from shared.errors import Refused
from shared.virtual_machines.creation.added_disks import check_added
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.requests.machine import DataDisk
from shared.virtual_machines.rules.sizes import SizeFacts

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.Compute"
SIZE = SizeFacts("Standard_D2_v3", 2, 8, 4, premium=False)
DISK = DiskFacts(f"{GROUP}/disks/d", "westeurope", None, 64, "StandardSSD_LRS", "Unattached", None, None, "V1", "Standard", 1)


def machine(luns: int = 0, zone: str | None = None) -> MachineFacts:
    """Return a machine with some data disks."""
    disks = [{"lun": lun, "name": f"d{lun}", "managedDisk": {"id": f"{GROUP}/disks/d{lun}"}} for lun in range(luns)]
    properties = {"hardwareProfile": {"vmSize": SIZE.name}, "storageProfile": {"dataDisks": disks}}
    return MachineFacts.from_arm({
        "id": f"{GROUP}/virtualMachines/vm", "location": "westeurope", "properties": properties, **({"zones": [zone]} if zone else {}),
    })  # fmt: skip


def refusal(
    body: dict[str, object], existing: DiskFacts | None = None, *, on: MachineFacts | None = None, offered: tuple[str, ...] = ()
) -> tuple[str, str | None]:
    """Return the code and the target of the refusal of a disk."""
    with pytest.raises(Refused) as refused:
        check_added(DataDisk.model_validate(body), on or machine(), existing, SIZE, offered)
    return str(refused.value.code), refused.value.problem.target


@pytest.mark.parametrize(("changed", "wanted", "target"), [
    ({"region": "northeurope"}, {}, "existing"),
    ({"zone": "1"}, {}, "existing"),
    ({"max_shares": 2}, {}, "existing"),
    ({"sku": "Premium_LRS"}, {}, "existing"),
    ({"id": DISK.id.replace("0001", "0002")}, {}, "existing"),
    ({}, {"sizeGB": 32}, "sizeGB"),
    ({"size_gb": 5_000}, {"caching": "ReadOnly"}, "caching"),
])  # fmt: skip
def test_an_existing_disk_that_does_not_fit(changed: dict[str, object], wanted: dict[str, object], target: str) -> None:
    check_added(DataDisk.model_validate({"existing": "d", "sizeGB": 128}), machine(), DISK, SIZE, ("Premium_LRS",))
    assert refusal({"existing": "d", **wanted}, replace(DISK, **changed)) == ("InvalidRequest", target)  # type: ignore[arg-type]  # drawn


def test_a_disk_in_no_zone_for_a_machine_in_one() -> None:
    assert refusal({"existing": "d"}, DISK, on=machine(zone="1")) == ("InvalidRequest", "existing")
    check_added(DataDisk.model_validate({"existing": "d"}), machine(zone="1"), replace(DISK, sku="StandardSSD_ZRS"), SIZE, ())


def test_a_new_disk_of_a_type_that_size_or_plan_do_not_have() -> None:
    assert refusal({"sizeGB": 8, "sku": "Premium_LRS"}) == ("InvalidRequest", "sku")
    assert refusal({"sizeGB": 8}, offered=("Standard_LRS",)) == ("InvalidRequest", "sku"), "the default type is not offered"
    check_added(DataDisk.model_validate({"sizeGB": 8, "sku": "standard_lrs"}), machine(), None, SIZE, ("Standard_LRS",))


def test_what_is_in_the_way() -> None:
    assert refusal({"sizeGB": 8}, on=machine(4)) == ("TooManyDisks", "dataDisks")
    assert refusal({"sizeGB": 8, "lun": 1}, on=machine(3)) == ("LunTaken", "lun")
    assert refusal({"existing": "d"}, replace(DISK, state="Attached")) == ("DiskInUse", "existing")
