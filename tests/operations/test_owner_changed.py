"""The first step of an operation ends it where its tenant no longer owns what it is about; later steps finish what was started."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import ErrorCode
from shared.operations.model.models import Operation, Status
from shared.operations.running.runner import Runner
from tests.operations.kit import TENANT, Core

THING = "/subscriptions/aaaaaaaa-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


def with_owner(core: Core, owner: str | None) -> tuple[Runner, list[str]]:
    """Return a runner of toys that are about a thing of this owner, and what it asks for."""
    asked: list[str] = []

    async def not_owned(tenant: str, resource_ids: Sequence[str]) -> str | None:
        asked.extend(resource_ids)
        return None if tenant == owner else next(iter(resource_ids), None)

    def subjects(_: Operation) -> tuple[str, ...]:
        return (THING,)

    workflows = {name: replace(workflow, subjects=subjects) for name, workflow in core.workflows.items()}
    return replace(core.runner, not_owned=not_owned, workflows=workflows), asked


@pytest.mark.parametrize("owner", ["fabrikam", None])
async def test_an_operation_on_what_is_anothers_by_now_ends_before_anything_is_sent(core: Core, owner: str | None) -> None:
    runner, _ = with_owner(core, owner)
    accepted = await core.accept()
    await runner.run(accepted.id)
    found = await core.store.get(accepted.id)
    assert found is not None
    assert found.status is Status.FAILED
    assert found.error is not None
    assert (found.error.code, found.error.target) == (ErrorCode.OWNER_CHANGED, THING)
    assert core.toys.world.sends == []


async def test_an_operation_on_its_tenants_own_goes_on(core: Core) -> None:
    runner, asked = with_owner(core, TENANT)
    accepted = await core.accept()
    await runner.run(accepted.id)
    assert asked == [THING]
    assert core.toys.world.sends != []


async def test_what_has_started_is_finished_whoever_owns_it(core: Core) -> None:
    core.toys.world.script = ["lost"]
    runner, _ = with_owner(core, TENANT)
    accepted = await core.accept()
    await runner.run(accepted.id)
    assert core.toys.world.sends != []
    runner, asked = with_owner(core, "fabrikam")
    core.clock.advance(timedelta(minutes=10))
    await runner.run(accepted.id)
    found = await core.store.get(accepted.id)
    assert asked == []
    assert found is None or found.status is not Status.FAILED
