"""The policies of the sample estate are documents that the app takes, and copy each gold machine to the region that it is not in."""

from pathlib import Path

import pytest

from local.sample_policies import sample_policies
from tests.copies.policies.kit import World, run_story

pytestmark = pytest.mark.process


def test_the_samples_policies_are_taken_disabled_and_copy_to_the_other_region(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for tenant, name, document in sample_policies():
            written = await world.call("PUT", f"/copy-policies/{name}", document, tenant=tenant)
            assert (written.status, written.body["document"]["enabled"], written.body["nextSlot"]) == (201, False, None), written
            plan = (await world.call("GET", f"/copy-policies/{name}/plan", tenant=tenant)).body
            decided = [
                [target["decision"] for target in machine["targets"]] for machine in plan["value"] if machine["decision"] == "copied"
            ]
            assert decided
            assert all(sorted(one) == ["copied", "skipped"] for one in decided)
        await world.advance(days=2)
        assert await world.runs("daily") == []

    run_story(story, tmp_path)


def test_each_tenant_has_daily_and_the_provider_hourly() -> None:
    found = [(tenant, name) for tenant, name, _ in sample_policies()]
    assert found == [("provider", "daily"), ("contoso", "daily"), ("fabrikam", "daily"), ("provider", "hourly")]
