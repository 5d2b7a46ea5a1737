"""Plans of policies that prune: a plan is the run, and writing a policy warns of what the ledger shows."""

from pathlib import Path

import pytest

from shared.arm.ids import ResourceId
from tests.copies.deletions.kit import Start, deletes, fill, run_now
from tests.copies.policies.kit import Json, Story, World, policy, run_story

pytestmark = pytest.mark.process
ONE = {"keepLast": 1, "source": {"keepLast": 1}}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def codes(warnings: list[Json]) -> set[str]:
    return {one["code"] for one in warnings}


def rows(world: World) -> dict[str, Json]:
    return {table: dict(world.app.storage.table(table).rows) for table in ("copies", "copyPolicies", "copyRuns", "operations")}


def test_the_plan_of_deletions_is_the_run(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 4, retention=ONE)
        before = rows(world)
        document = policy(schedule={"every": "P31D"}, retention=ONE)
        dry = (await world.call("PUT", "/copy-policies/daily?dryRun=true", document)).body
        plan = await world.get("/copy-policies/daily/plan")
        assert rows(world) == before
        assert (dry["hash"], dry["value"][0]["deletions"]) == (plan["hash"], plan["value"][0]["deletions"])
        (machine,) = plan["value"]
        assert (plan["summary"]["deletions"], plan["summary"]["held"]) == (5, 0)
        assert {(one["place"], one["rule"], one["held"]) for one in machine["deletions"]} == {
            ("northeurope", "Superfluous", False), ("source", "Superfluous", False)
        }  # fmt: skip
        assert sorted(one["rules"] for one in machine["kept"]) == [["Base"], ["Newest"], ["Pair"]]
        assert "RetentionShrinks" in codes(plan["warnings"])
        run = await run_now(world)
        assert run["counts"]["deletions"]["done"] == plan["forecast"]["calls"]["deletes"] == 5
        assert set(deletes(world)) == {one["restorePointId"].lower() for one in machine["deletions"]}

    start(story)


def test_what_is_held_is_planned_as_held_and_a_disabled_policy_deletes_nothing(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 4, retention={"keepLast": 1}, limits={"deletionsPerPlace": 1})
        plan = await world.get("/copy-policies/daily/plan")
        assert (plan["summary"]["deletions"], plan["summary"]["held"], plan["forecast"]["calls"]["deletes"]) == (0, 3, 0)
        assert {(one["rule"], one["held"]) for one in plan["value"][0]["deletions"]} == {("Held", True)}
        off = policy(enabled=False, schedule={"every": "P31D"}, retention={"keepLast": 1})
        dry = (await world.call("PUT", "/copy-policies/daily?dryRun=true", off)).body
        assert (dry["summary"]["deletions"], dry["summary"]["held"], dry["value"][0]["kept"]) == (0, 0, [])

    start(story)


def test_writing_a_policy_warns_of_what_the_ledger_shows(start: Start) -> None:
    async def story(world: World) -> None:
        await fill(world, 3, retention={"keepLast": 10})
        kept = await world.put("daily", policy(schedule={"every": "PT3H"}, objective="P1D", retention={"keepLast": 9}))
        assert codes(kept["warnings"]) == set()
        less = await world.put("daily", policy(schedule={"every": "PT3H"}, objective="PT3H20M", retention=ONE))
        assert codes(less["warnings"]) == {"RetentionShrinks", "ObjectiveUnlikely"}
        await near_the_limit(world)
        near = await world.put("daily", policy(schedule={"every": "PT3H"}, objective="P1D", retention={"keepLast": 100}))
        assert "LimitNear" in codes(near["warnings"])
        assert "LimitNear" in codes((await world.get("/copy-policies/daily/plan"))["warnings"])

    start(story)


async def near_the_limit(world: World) -> None:
    """Write so many copies into the ledger that the VM has four hundred in North Europe."""
    (copy, *_) = (await world.get("/restore-point-copies?policy=daily"))["value"]
    table = world.app.storage.table("copies")
    row = next(found for (_, key), (found, _) in table.rows.items() if key.endswith(f"|{copy['id']}"))
    target = ResourceId.parse(str(row["targetPoint"]))
    for number in range(400):
        name = f"{number:026}"
        await table.upsert({**row, "RowKey": f"{number:016}|{name}", "targetPoint": str(target).replace(target.name, name)})
