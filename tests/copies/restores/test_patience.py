"""What a restore names that waits for Azure for too long."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from shared.clock import Clock
from shared.copies.restores.state import CLEANING, MachineDetail, Part, ResourceDetail, ResourceState, RestoredState
from shared.copies.restores.steps.claim import RestoreClaim
from shared.copies.restores.steps.patience import PATIENCE, patiently
from shared.operations.running.outcomes import Outcome, Wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUP = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31/resourceGroups/g/providers/Microsoft.Compute"


def machine(name: str, state: RestoredState, **resources: ResourceState) -> MachineDetail:
    kinds = {"vm": (Part.MACHINE, "virtualMachines"), "disk": (Part.DISK, "disks")}
    parts = [
        ResourceDetail.model_validate({"id": f"{GROUP}/{kinds[one][1]}/{name}-{one}", "part": kinds[one][0], "state": found})
        for one, found in resources.items()
    ]
    return MachineDetail.model_validate({"index": 0, "name": name, "source": {"restorePointId": "p"}, "state": state, "resources": parts})


@pytest.mark.parametrize(
    ("drill", "named"), [(False, {"b-disk"}), (True, {"a-vm", "a-disk", "b-disk", "b-vm"})], ids=["real restore", "drill"]
)
async def test_a_clean_up_that_waits_names_only_what_it_deletes(drill: bool, named: set[str]) -> None:
    made, intended = ResourceState.MADE, ResourceState.INTENDED
    machines = (machine("a", RestoredState.READY, vm=made, disk=made), machine("b", RestoredState.FAILED, vm=intended, disk=made))
    restore = SimpleNamespace(
        request=SimpleNamespace(drill=drill, boot_timeout=timedelta()),
        detail=SimpleNamespace(machines=machines),
        state=SimpleNamespace(progress=f"{CLEANING}/0", waits_since=NOW - PATIENCE[CLEANING]),
    )

    async def waits(_restore: RestoreClaim) -> Outcome:
        return Wait(NOW)

    outcome = await patiently(CLEANING, waits, cast("Clock", SimpleNamespace(now=lambda: NOW)))(cast("RestoreClaim", restore))
    assert isinstance(outcome, Wait)
    assert outcome.attention is not None
    code, message = outcome.attention
    assert code == "CleanUpBlocked"
    assert {name for name in ("a-vm", "a-disk", "b-vm", "b-disk") if name in message} == named
