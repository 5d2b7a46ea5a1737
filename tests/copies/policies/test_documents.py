"""Copy policies as documents over HTTP: conditions, refusals, warnings, lists, and plans, which write nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from local.simulation.sample_estate import subscription_id
from shared.clock import from_text
from tests.copies.policies.kit import Json, Story, World, machine_id, policy, run_story

pytestmark = pytest.mark.process
Start = Callable[[Story], None]
FABRIKAM = subscription_id("fabrikam")
THEIRS = f"/subscriptions/{FABRIKAM}/resourceGroups/fabrikam-production/providers/Microsoft.Compute/virtualMachines/fabrikam-web01"


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with three further machines of contoso's."""
    return lambda story: run_story(story, tmp_path, machines=3)


def stored(world: World) -> dict[str, object]:
    """Return every row of every table."""
    return {f"{name}/{key}": row for name, table in world.app.storage.tables.items() for key, row in table.rows.items()}


def test_a_policy_is_made_read_replaced_and_deleted_under_conditions(start: Start) -> None:
    async def story(world: World) -> None:
        made = await world.call("PUT", "/copy-policies/Daily", policy(), If_None_Match="*")
        assert (made.status, made.body["name"], made.body["revision"]) == (201, "Daily", 1)
        assert made.headers["etag"] == made.body["etag"]
        twice = await world.call("PUT", "/copy-policies/daily", policy(), If_None_Match="*")
        assert (twice.status, twice.code, twice.body["error"]["target"]) == (412, "PreconditionFailed", "If-None-Match")
        same = await world.call(
            "PUT", "/copy-policies/daily", policy(targets=[{"region": "North Europe", "resourceGroup": "contoso-recovery"}])
        )
        assert (same.status, same.body["etag"], same.body["revision"]) == (200, made.body["etag"], 1)
        unconditional = await world.call("PUT", "/copy-policies/daily", policy(priority=7))
        assert (unconditional.status, unconditional.code, unconditional.body["etag"]) == (428, "PreconditionRequired", made.body["etag"])
        changed = await world.call("PUT", "/copy-policies/daily", policy(priority=7), If_Match=made.body["etag"])
        assert (changed.status, changed.body["revision"], changed.body["id"]) == (200, 2, made.body["id"])
        stale = await world.call("PUT", "/copy-policies/daily", policy(), If_Match=made.body["etag"])
        assert (stale.status, stale.code, stale.body["etag"]) == (412, "PreconditionFailed", changed.body["etag"])
        assert (await world.get("/copy-policies/DAILY"))["document"]["priority"] == 7
        assert (await world.call("DELETE", "/copy-policies/daily")).status == 428
        assert (await world.call("DELETE", "/copy-policies/daily", If_Match='"old"')).status == 412
        assert (await world.call("DELETE", "/copy-policies/daily", If_Match=changed.body["etag"])).status == 204
        assert (await world.call("DELETE", "/copy-policies/daily", If_Match="*")).status == 404
        assert (await world.call("GET", "/copy-policies/daily")).status == 404

    start(story)


def test_a_run_never_changes_the_etag(start: Start) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy())
        await world.advance_to(from_text(written["nextSlot"]))
        assert (await world.get("/copy-policies/daily"))["etag"] == written["etag"]

    start(story)


WRONG: list[tuple[Json, set[str]]] = [
    ({"selectr": {}}, {"selectr"}),
    ({"priority": "first"}, {"priority"}),
    ({"targets": [{"region": "north europe!", "resourceGroup": "a"}]}, {"targets[0].region"}),
    ({"targets": [{"region": "northeurope", "resourceGroup": "contoso-recovery"}] * 2}, {"targets[1].region"}),
    ({"selector": {}}, {"selector"}),
    ({"selector": {"everything": True, "regions": ["westeurope"]}}, {"selector"}),
    ({"schedule": {"cron": "0 2 * * *"}}, {"schedule.cron"}),
    ({"schedule": {"cron": "0 0 2 30 2 *"}}, {"schedule.cron"}),
    ({"schedule": {"cron": "0 0 2 * * *", "window": {"from": "03:00", "to": "04:00"}}}, {"schedule.window"}),
    ({"schedule": {"every": "PT2H"}}, {"schedule.every"}),
    ({"schedule": {"every": "PT30M"}, "consistency": {"mode": "CrashConsistent"}}, {"schedule.every"}),
    ({"schedule": {"cron": "0 0 2 * * *", "timeZone": "Romance Standard Time"}}, {"schedule.timeZone"}),
    ({"objective": "PT6H"}, {"objective"}),
    ({"retention": {"keepLast": 0}}, {"retention.keepLast"}),
    ({"retention": {"keepLast": 100, "daily": 301}}, {"retention"}),
    ({"priority": -1, "description": 7}, {"priority", "description"}),
    ({"consistency": {"mode": "FileSystemConsistent"}}, {"consistency.mode"}),
    ({"limits": {"virtualMachines": 1, "minimumVirtualMachines": 2}}, {"limits.minimumVirtualMachines"}),
    ({"targets": [{"region": "atlantis", "resourceGroup": "contoso-recovery"}]}, {"targets[0].region"}),
    ({"targets": [{"region": "northeurope", "resourceGroup": "never-was"}]}, {"targets[0].resourceGroup"}),
]


def test_what_is_wrong_is_refused_with_its_path(start: Start) -> None:
    async def story(world: World) -> None:
        before = stored(world)
        for changes, targets in WRONG:
            for query in ("", "?dryRun=true"):
                answer = await world.call("PUT", f"/copy-policies/wrong{query}", policy(**changes))
                assert (answer.status, answer.targets) == (400, targets), (changes, answer)
        answer = await world.call("PUT", "/copy-policies/-wrong", policy())
        assert (answer.status, answer.targets) == (400, {"name"})
        zone = await world.call(
            "PUT", "/copy-policies/wrong", policy(schedule={"cron": "0 0 2 * * *", "timeZone": "Romance Standard Time"})
        )
        assert "Europe/Paris" in zone.body["error"]["message"]
        assert stored(world) == before

    start(story)


NAMED: list[tuple[Json, str]] = [
    ({"selector": {"virtualMachineIds": [THEIRS]}}, "selector.virtualMachineIds[0]"),
    ({"selector": {"subscriptions": [FABRIKAM]}}, "selector.subscriptions[0]"),
    ({"selector": {"resourceGroups": [THEIRS.partition("/providers/")[0]]}}, "selector.resourceGroups[0]"),
    ({"selector": {"everything": True, "exclude": {"virtualMachineIds": [THEIRS]}}}, "selector.exclude.virtualMachineIds[0]"),
    ({"disks": {"exclude": [THEIRS.replace("virtualMachines", "disks")]}}, "disks.exclude[0]"),
    ({"targets": [{"region": "northeurope", "resourceGroup": "a", "subscriptionId": FABRIKAM}]}, "targets[0].subscriptionId"),
]


def test_what_is_another_tenants_is_not_found_whatever_a_policy_names(start: Start) -> None:
    async def story(world: World) -> None:
        for changes, path in NAMED:
            theirs = await world.call("PUT", "/copy-policies/wrong", policy(**changes))
            assert (theirs.status, theirs.code, theirs.body["error"]["target"]) == (404, "NotFound", path)
        never = await world.call(
            "PUT", "/copy-policies/wrong", policy(selector={"subscriptions": ["0" * 8 + "-0000-0000-0000-" + "0" * 12]})
        )
        assert (never.status, never.code) == (404, "NotFound")

    start(story)


def test_a_policy_is_a_tenants_and_only_admin_reaches_anothers(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        assert (await world.call("GET", "/copy-policies/daily", tenant="fabrikam")).status == 404
        assert (await world.call("GET", "/copy-policies/daily?tenant=contoso", tenant="fabrikam")).status == 404
        assert (await world.call("GET", "/copy-policies/daily?tenant=contoso", tenant="provider")).status == 404
        admin = {"tenant": "provider", "roles": "Admin|Copies.Write"}
        assert (await world.get("/copy-policies/daily?tenant=contoso", **admin))["tenant"] == "contoso"
        assert (await world.call("GET", "/copy-policies/daily?tenant=never", **admin)).status == 404
        everybody = await world.get("/copy-policies", **admin)
        assert [(one["tenant"], one["name"]) for one in everybody["value"]] == [("contoso", "daily")]
        assert (await world.get("/copy-policies", tenant="fabrikam"))["value"] == []
        by_admin = await world.call("PUT", "/copy-policies/theirs?tenant=contoso", policy(enabled=False), **admin)
        assert (by_admin.status, by_admin.body["tenant"]) == (201, "contoso")

    start(story)


def test_a_list_has_pages_by_name_and_a_filter(start: Start) -> None:
    async def story(world: World) -> None:
        for name in ("b", "A", "c"):
            await world.put(name, policy(enabled=name == "c"))
        first = await world.get("/copy-policies?top=2")
        assert [one["name"] for one in first["value"]] == ["A", "b"]
        rest = await world.get(first["nextLink"].partition("/api")[2])
        assert [one["name"] for one in rest["value"]] == ["c"]
        assert "nextLink" not in rest
        assert [one["name"] for one in (await world.get("/copy-policies?enabled=true"))["value"]] == ["c"]
        everybody = await world.get("/copy-policies?top=2", tenant="provider", roles="Admin")
        more = await world.get(everybody["nextLink"].partition("/api")[2], tenant="provider", roles="Admin")
        assert [one["name"] for page in (everybody, more) for one in page["value"]] == ["A", "b", "c"]

    start(story)


def test_a_tenant_has_at_most_a_hundred_policies(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("p0", policy(enabled=False))
        table = world.app.storage.tables["copyPolicies"]
        (row,) = (entity for entity, _ in table.rows.values() if entity["PartitionKey"] == "contoso")
        for number in range(1, 99):  # rows of equal policies, for a request each would take seconds
            await table.upsert({**row, "RowKey": f"{row['RowKey']}-{number}"})
        assert (await world.call("PUT", "/copy-policies/last", policy(enabled=False))).status == 201
        answer = await world.call("PUT", "/copy-policies/one-more", policy())
        assert (answer.status, answer.code) == (409, "TooManyPolicies")

    start(story)


def test_what_comes_and_goes_is_a_warning(start: Start) -> None:
    async def story(world: World) -> None:
        gone, disk = machine_id("gone"), machine_id("gone").replace("virtualMachines", "disks")
        written = await world.put("daily", policy(selector={"virtualMachineIds": [gone]}, disks={"exclude": [disk]}))
        assert [(one["code"], one["target"]) for one in written["warnings"]] == [
            ("NothingSelected", "selector"), ("NotThere", "selector.virtualMachineIds"), ("NotThere", "disks.exclude")
        ]  # fmt: skip
        group, place = gone.partition("/providers/")[0], {"resourceGroup": "not-there", "subnetId": None}
        named = policy(selector={"resourceGroups": [group, f"{group}-gone"]})
        named["targets"] = [{"region": "northeurope", "resourceGroup": "contoso-recovery", "drillIn": place}]
        groups = await world.put("groups", {**named, "enabled": False})
        assert [(one["code"], one["target"]) for one in groups["warnings"]] == [
            ("NotThere", "selector.resourceGroups[1]"), ("NotThere", "targets[0].drillIn.resourceGroup")
        ]  # fmt: skip
        world.fault("error", method="GET", path="^/subscriptions$", status=503, rate=1, seed="s", duration="PT12H")
        unseen = await world.put("other", policy())
        assert [one["code"] for one in unseen["warnings"]] == ["NotChecked"]

    start(story)


# plans


def test_a_dry_run_writes_nothing_and_shows_what_the_document_would_do(start: Start) -> None:
    async def story(world: World) -> None:
        before, effects = stored(world), world.effects()
        answer = await world.call("PUT", "/copy-policies/daily?dryRun=true", policy())
        assert answer.status == 200, answer
        assert (answer.body["etag"], answer.body["policy"]) == (None, "daily")
        assert answer.body["summary"] == {"virtualMachines": 3, "copies": 3, "skipped": 0, "deletions": 0, "held": 0}
        assert (stored(world), world.effects()) == (before, effects)
        assert (await world.call("GET", "/copy-policies/daily")).status == 404

    start(story)


def test_the_plan_is_the_run(start: Start) -> None:
    async def story(world: World) -> None:
        selector = {"virtualMachineIds": [machine_id(f"contoso-{name}") for name in ("web01", "vault01", "app01")]}
        await world.put("daily", policy(enabled=False, selector=selector))
        plan = await world.get("/copy-policies/daily/plan")
        answer = await world.call("POST", "/copy-policies/daily/run")
        run = await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}")
        machines = await world.machines(run)

        def decisions(items: list[Json]) -> list[object]:
            return [
                (one["virtualMachineId"], one["decision"], [(each["region"], each["decision"]) for each in one["targets"]]) for one in items
            ]

        assert decisions(plan["value"]) == decisions(list(machines.values()))
        assert {one["name"]: (one["limit"], one["would"]) for one in plan["limits"]} == {
            "virtualMachines": (500, 3), "minimumVirtualMachines": (1, 3)
        }  # fmt: skip
        assert plan["forecast"]["chains"] == run["counts"]["copies"]["accepted"] == plan["summary"]["copies"]

    start(story)


def test_a_forecast_of_writes_holds_exactly_and_of_reads_within_a_third(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        for full in (True, False):
            await world.advance(minutes=61)  # the hourly inventory of the protection of VMs is read now, and not during the run
            plan = await world.get("/copy-policies/daily/plan")
            targets = [target for one in plan["value"] for target in one["targets"]]
            assert {(target["full"], target["because"] == ["FirstCopy"]) for target in targets} == {(full, full)}
            before = requests(world)
            answer = await world.call("POST", "/copy-policies/daily/run")
            run = await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}", minutes=5)
            assert run["status"] == "Succeeded"
            after, calls = requests(world), plan["forecast"]["calls"]
            assert after["writes"] - before["writes"] == calls["writes"]
            assert after["graphQueries"] - before["graphQueries"] == calls["graphQueries"] == 1
            assert abs(after["reads"] - before["reads"] - calls["reads"]) <= 0.3 * calls["reads"], (after, before, calls)

    start(story)


def requests(world: World) -> dict[str, int]:
    """Return how many requests Azure has had so far."""
    found = world.app.platform.requests.as_json()
    return {
        "reads": sum(int(row["count"]) for row in found if row["method"] == "GET"),
        "graphQueries": sum(int(row["count"]) for row in found if row["method"] == "POST"),
        "writes": sum(int(row["count"]) for row in found if row["method"] in {"PUT", "PATCH"}),
    }


def test_the_pages_of_a_plan_are_of_one_moment(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        first = await world.get("/copy-policies/daily/plan?top=2")
        following = first["nextLink"].partition("/api")[2]
        rest = await world.get(following)
        assert [len(page["value"]) for page in (first, rest)] == [2, 1]
        assert (rest["hash"], rest.get("nextLink")) == (first["hash"], None)
        await world.advance(minutes=16)
        late = await world.call("GET", following)
        assert (late.status, late.targets) == (400, {"continuation"})
        again = (await world.get("/copy-policies/daily/plan?top=2"))["nextLink"].partition("/api")[2]
        estate = world.app.platform.estate()
        estate["virtualMachines"] = [one for one in estate["virtualMachines"] if not one["id"].endswith("fleet000")]
        world.app.platform.replace_estate(estate)
        changed = await world.call("GET", again)
        assert (changed.status, changed.targets) == (400, {"continuation"})

    start(story)


def test_the_forecast_of_a_chain_in_flight_comes_after_what_is_left_of_it(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        idle = from_text((await world.get("/copy-policies/daily/plan"))["forecast"]["lastChainDone"]["at"]) - world.now
        await world.call("POST", "/copy-policies/daily/run")
        for _ in range(4):
            await world.advance(minutes=1)
        busy = from_text((await world.get("/copy-policies/daily/plan"))["forecast"]["lastChainDone"]["at"]) - world.now
        assert busy > idle + timedelta(minutes=10)

    start(story)


# audit, messages


def test_the_trail_has_each_change_and_outlives_the_policy(start: Start) -> None:
    async def story(world: World) -> None:
        made = await world.put("daily", policy(enabled=False))
        await world.put("daily", policy(enabled=False, priority=7))
        await world.put("daily", policy(enabled=False, priority=7))
        await world.call("POST", "/copy-policies/daily/run", {"reason": "why", "limits": {"virtualMachines": 9}})
        await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        assert (await world.call("GET", "/copy-policies/daily/audit")).status == 404
        trail = await world.get(f"/copy-policies/daily/audit?policyId={made['id']}")
        assert trail["verified"]
        assert [entry["event"] for entry in trail["value"]] == ["created", "changed", "run", "deleted"]
        _, changed, run, _ = (entry["detail"] for entry in trail["value"])
        assert (changed["before"]["priority"], changed["after"]["priority"]) == (100, 7)
        assert (run["reason"], run["after"]) == ("why", {"virtualMachines": 9})
        pages = [await world.get(f"/copy-policies/daily/audit?policyId={made['id']}&top=3")]
        pages.append((await world.call("GET", pages[0]["nextLink"].partition("/api")[2])).body)
        assert [(len(one["value"]), one["verified"], one["head"]) for one in pages] == [(3, True, trail["head"]), (1, True, trail["head"])]
        assert (pages[1]["value"], pages[1]["nextLink"]) == (trail["value"][3:], None)
        stranger = await world.call("GET", f"/copy-policies/daily/audit?policyId={made['id']}", tenant="fabrikam")
        assert stranger.status == 404

    start(story)


def event(operation: str, number: int, **data: object) -> Json:
    head = {"specversion": "1.0", "source": "/billing", "id": f"e{number}", "tenant": "contoso"}
    return {**head, "type": f"farshore.copyPolicy.{operation}", "data": data}


def test_policies_are_made_changed_run_and_deleted_by_message(start: Start) -> None:
    async def story(world: World) -> None:
        async def send(message: Json) -> list[Json]:
            await world.app.storage.queues.send("restore-point-copy-requests", json.dumps(message))
            await world.advance(minutes=1)
            rejected = await world.get("/rejected-messages", tenant="provider", roles="Admin")
            return [one["reason"] for one in rejected["value"]]

        for _ in range(2):  # delivered twice
            assert await send(event("create", 1, name="daily", **policy(enabled=False))) == []
        made = await world.get("/copy-policies/daily")
        assert (made["revision"], made["createdBy"]["kind"]) == (1, "queue")
        for _ in range(2):
            assert await send(event("update", 2, target="daily", ifMatch=made["etag"], **policy(enabled=False, priority=7))) == []
        assert (await world.get("/copy-policies/daily"))["revision"] == 2
        for _ in range(2):
            assert await send(event("run", 3, target="daily", reason="by message")) == []
        (run,) = await world.runs("daily")
        assert (run["trigger"], run["reason"]) == ("manual", "by message")
        assert await send(event("delete", 4, target="daily", ifMatch="*")) == []
        assert (await world.call("GET", "/copy-policies/daily")).status == 404

    start(story)
