"""Failovers under way on a real stack whose processes die: asked for, followed, resolved as a person would, and compared with Azure."""

import asyncio
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from local.simulation.sample_estate import sample_estate
from tests.crash.fleet import Fleet
from tests.crash.world import Json, World
from tests.support.sites import Maker, of_item, of_plan

REQUESTS, STEPS, CHECKS = "failover-requests", "failover-steps", "failover-checks"
DEEDS = {
    "TestFailover": "testFailover",
    "TestFailoverCleanup": "testFailoverCleanup",
    "PlannedFailover": "plannedFailover",
    "UnplannedFailover": "unplannedFailover",
    "Failback": "plannedFailover",
    "Commit": "failoverCommit",
    "ReverseReplicate": "reProtect",
    "Reprotect": "switchprotection",
}
"""How Azure calls what a leg does."""
_turn = itertools.count(1)


@dataclass(slots=True)
class Wanted:
    """A failover to ask for, by HTTP or (`by_message`) by queue."""

    tenant: str
    body: Json
    by_message: bool = False
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    failover: str = ""

    @property
    def scope(self) -> str:
        """The item's ARM id when it was asked for, or the plan's."""
        return str(next(iter(self.body["scope"].values())))


@dataclass(slots=True)
class Failing:
    """Failovers on the fleet's stack."""

    fleet: Fleet
    wanted: list[Wanted]
    resolved: Counter[str] = field(default_factory=Counter)
    _tokens: dict[tuple[str, bool], str] = field(default_factory=dict)

    @staticmethod
    async def of(fleet: Fleet, *kinds: str) -> "Failing":
        """Let the simulation hold items of their own for these failovers: `out`, `a2a`, `plan`, `test`, `message`, `back`, `named`."""
        now, turn = (await fleet.simulation.clock()).now, next(_turn)
        estate: Json = sample_estate(now)
        maker = Maker(estate, now)
        wanted = [wanted_of(maker, kind, f"{kind}{turn}") for kind in kinds]
        await fleet.hold(World(estate, (), ()))
        return Failing(fleet, wanted)

    async def ask_all(self) -> None:
        """Ask for each, as a careful sender does: with the same key again where no answer comes."""
        for one in self.wanted:
            if one.by_message:
                self.fleet.send({**one.body, "id": one.key, "tenant": one.tenant}, REQUESTS)
            else:
                one.failover = await self.start(one)

    async def start(self, one: Wanted) -> str:
        """Ask over HTTP and return the failover's id."""
        for attempt in range(12):
            status, body = await self.call("POST", "/failovers", one.tenant, one.body, key=one.key)
            if status in {200, 202}:
                return str(body["id"])
            assert status == 0 or status >= 500, f"{status}: {body}"
            await asyncio.sleep(0.2 * attempt)  # real processes come back in real time
        raise AssertionError(f"the request was never answered: {self.fleet.running.host.last_lines()}")

    async def get(self, one: Wanted) -> Json:
        """Read a failover; one that a message asked for is found first."""
        if not one.failover:
            listed = await self._read("/failovers?top=50", one.tenant)
            (one.failover,) = [found["id"] for found in listed["value"] if found["scope"] == one.body["scope"]]
        return await self._read(f"/failovers/{one.failover}", one.tenant)

    async def say(self, one: Wanted, word: str, body: Json | None = None) -> int:
        """Say something to a failover as a person, and return the status."""
        status = 0
        for attempt in range(12):
            status, _ = await self.call("POST", f"/failovers/{one.failover}/{word}", one.tenant, body, person=True)
            if 0 < status < 500:
                break
            await asyncio.sleep(0.2 * attempt)  # real processes come back in real time
        return status

    async def until_ended(self, *, step: str = "PT4M", most: int = 150, watch: Callable[[], object] | None = None) -> None:
        """Advance until all have ended; an unknown outcome is looked up in Azure and resolved, what is suspended is resumed."""
        for _ in range(most):
            await self.fleet.simulation.advance(step)
            if watch is not None:
                watch()
            rows = await self.fleet.at_work()
            if not rows and not self.fleet.waiting(REQUESTS):
                return
            for row in rows:
                await self.help(row)
        rows = await self.fleet.active()
        raise AssertionError(f"still active: {[(row['RowKey'], row['step'], row['nextAt'], row.get('attention')) for row in rows]}")

    async def help(self, row: Any) -> None:
        """Do as a person does for an operation that waits: resume what is suspended, resolve an unknown outcome."""
        found = [one for one in self.wanted if one.failover == row["RowKey"].removeprefix("a|")]
        if not found:
            found = [one for one in self.wanted if not one.failover and (await self.get(one))["id"] == row["RowKey"].removeprefix("a|")]
        if not found:
            return
        if row["step"] == "suspended":
            await self.say(found[0], "resume")
        if row.get("attention"):
            seen = await self.get(found[0])
            if seen["attention"] and seen["attention"]["code"] == "OutcomeUnknown" and seen["step"] == "starting":
                await self._resolve(found[0], seen)

    async def _resolve(self, one: Wanted, seen: Json) -> None:
        """Look in Azure, as a person would: did the start that is in doubt take effect? Say so only where it did not.

        Where it did, the machine has to find it: the worker may have died right after it sent the start again, without a look since.
        """
        leg = next(leg for leg in seen["legs"] if leg["status"] == "NotStarted")
        index = seen["legs"].index(leg)
        before = sum(DEEDS[done["action"]] == DEEDS[leg["action"]] for done in seen["legs"][:index])
        began = len([deed for deed in await self.deeds(one) if deed == DEEDS[leg["action"]]]) > before
        if began:
            return
        status = await self.say(one, "resolve", {"outcome": "notStarted"})
        assert status == 202
        self.resolved[str(leg["action"])] += 1

    async def deeds(self, one: Wanted) -> list[str]:
        """Return what took effect on an item or plan, in order; a switch of protection is asked of its container."""
        ids = {one.scope, *(await self.get(one))["protectedItemIds"]}
        found = []
        for effect in await self.fleet.simulation.effects():
            path = effect["path"].lower()
            if effect["method"] == "POST" and any(path.startswith(f"{item.lower()}/") for item in ids):
                found.append(effect["path"].rsplit("/", 1)[-1])
        return found

    async def compare(self) -> None:
        """Fail unless each failover succeeded, each leg began exactly once, and nothing is left over."""
        switches = Counter[str]()
        for one in self.wanted:
            seen = await self.get(one)
            assert (seen["status"], seen["step"], seen["error"]) == ("Succeeded", "finished", None), seen
            assert {leg["status"] for leg in seen["legs"]} == {"Succeeded"}
            expected = [DEEDS[leg["action"]] for leg in seen["legs"]]
            switches["switchprotection"] += expected.count("switchprotection")
            assert await self.deeds(one) == [deed for deed in expected if deed != "switchprotection"]
            name = one.body.get("options", {}).get("targetVmName")
            assert name is None or await self._target_name(one) == name
            jobs = {leg["job"]["id"] for leg in seen["legs"]}
            assert len(jobs) == len(seen["legs"]), "two legs have one job"
            trail = await self._read(f"/failovers/{one.failover}/audit", one.tenant)
            assert trail["verified"] is True, trail
            events = Counter(entry["event"] for entry in trail["value"])
            assert events["started"] == len(seen["legs"]), trail
            assert (events["requested"], events["finished"]) == (1, 1), trail
        effects = await self.fleet.simulation.effects()
        switched = Counter(effect["path"].rsplit("/", 1)[-1] for effect in effects if effect["path"].lower().endswith("/switchprotection"))
        assert sum(switched.values()) == switches["switchprotection"]
        told = Counter(event["id"] for event in self.fleet.take_events() if event["id"].endswith("/terminal"))
        assert set(told) == {f"{one.failover}/terminal" for one in self.wanted}
        assert await self.fleet.rows("operations", "RowKey ge 'a|' and RowKey lt 'e'") == [], "active rows or details are left"
        assert await self.fleet.locks() == [], "locks are left"

    async def _target_name(self, one: Wanted) -> str | None:
        """Return the name that Azure gives the machine of an item's failover."""
        items = [item for vault in (await self.fleet.simulation.estate())["vaults"] for item in vault["items"]]
        return next(str(item["target"]["vmName"]) for item in items if item["id"].lower() == one.scope.lower())

    async def nudge(self, times: int) -> None:
        """Put messages on the queues for everything that is active, as often as wanted, needed or not."""
        for row in await self.fleet.active():
            for _ in range(times):
                ids = [row["RowKey"].removeprefix("a|")]
                self.fleet.send({"v": 1, "ids": ids}, STEPS)
                self.fleet.send({"v": 1, "kind": row["kind"], "group": row["group"], "ids": ids}, CHECKS)

    async def _read(self, path: str, tenant: str) -> Json:
        for attempt in range(20):
            status, body = await self.call("GET", path, tenant)
            if status == 200:
                return dict(body)
            assert status == 0 or status >= 500, f"{path}: {status}: {body}"
            await asyncio.sleep(0.1 * attempt)  # real processes come back in real time
        raise AssertionError(f"{path} was never answered")

    async def call(
        self, method: str, path: str, tenant: str, body: Json | None = None, *, key: str | None = None, person: bool = False
    ) -> tuple[int, Any]:
        """Return the status, 0 where no answer came, and the body."""
        headers = {"Authorization": f"Bearer {await self._token(tenant, person=person)}"}
        if key is not None:
            headers |= {"Repeatability-Request-ID": key, "Repeatability-First-Sent": "Mon, 01 Jan 2024 00:00:00 GMT"}
        try:
            async with self.fleet.http.request(method, f"{self.fleet.running.api}{path}", json=body, headers=headers) as answer:
                return answer.status, json.loads(await answer.read() or b"null")
        except (aiohttp.ClientError, TimeoutError):
            return 0, None

    async def _token(self, tenant: str, *, person: bool) -> str:
        if (tenant, person) not in self._tokens:
            roles = ("Failovers.Execute", "Failovers.Read", *(("Failovers.Approve",) if person else ()))
            named = {"user": "looking"} if person else {}
            self._tokens[tenant, person] = await self.fleet.simulation.token(*roles, tenant=tenant, **named)
        return self._tokens[tenant, person]


def wanted_of(maker: Maker, kind: str, name: str) -> Wanted:
    """Return a failover of a kind, of items of this name that are put into the estate."""
    match kind:
        case "a2a":
            item = maker.item(name, "A2A", tenant="contoso")
            return Wanted("contoso", of_item(item, "UnplannedFailover", thenCommit=True, thenReprotect=True))
        case "plan":
            plan = maker.plan(name, [[maker.item(f"{name}a"), maker.item(f"{name}b")], [maker.item(f"{name}c")]])
            return Wanted("provider", of_plan(plan, "UnplannedFailover", thenCommit=True))
        case "test":
            return Wanted("provider", of_item(maker.item(name), "TestFailover", options={"network": None}, thenCleanup=True))
        case "back":
            item = maker.item(name, phase="committed", activeLocation="Recovery")
            return Wanted("provider", of_item(item, "Failback", thenCommit=True, thenReprotect=True))
        case "named":
            return Wanted("provider", of_item(maker.item(name), "PlannedFailover", options={"targetVmName": f"{name}-dr"}, thenCommit=True))
        case "message":
            return Wanted("provider", of_item(maker.item(name), "UnplannedFailover"), by_message=True)
        case _:
            return Wanted("provider", of_item(maker.item(name), "PlannedFailover", thenCommit=True))
