"""Copies under way on a real stack: asked for, followed to their end in lockstep, and compared with what must be so then."""

import asyncio
import itertools
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from functions.capabilities import NAMES, load
from local.simulation.client import SimulationClient
from local.simulation.times import from_text
from shared.composition import queues_needed
from tests.crash.world import Json, Wanted, World
from tests.support.stacks import RunningHost

REQUESTS, STEPS, CHECKS, OUTCOMES = "restore-point-copy-requests", "restore-point-copy-steps", "replication-checks", "outcomes"
_HOUR = timedelta(hours=1)
_TABLES = ("operations", "locks", "chains", "copies", "rejected")


@dataclass(slots=True)
class Asked:
    """A copy that was asked for, and the operation that it became."""

    wanted: Wanted
    key: str
    operation: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What it took until everything had ended."""

    advances: int
    unsettled: int
    seconds: float
    azure: timedelta


@dataclass(slots=True)
class Fleet:
    """The stack with a client of each of its parts; an asynchronous context manager."""

    running: RunningHost
    simulation: SimulationClient
    http: aiohttp.ClientSession
    tables: TableServiceClient
    asked: list[Asked] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _logged: int = 0

    @staticmethod
    def of(running: RunningHost) -> "Fleet":
        """Reach a running stack."""
        return Fleet(
            running,
            SimulationClient(running.azure),
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)),
            TableServiceClient.from_connection_string(running.storage),
        )

    async def __aenter__(self) -> "Fleet":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.simulation.close()
        await self.http.close()
        await self.tables.close()

    async def hold(self, world: World) -> None:
        """Let the simulation hold this world; what was there before is gone."""
        await self.simulation.clear_faults()
        await self.simulation.put_estate(world.estate)
        self._logged = self._request_log.stat().st_size
        self.take_events()
        self.events.clear()

    async def abandon(self) -> None:
        """Take away what a test that failed has left under way, so that the next one fails by itself only."""
        left = await self.rows("operations", "RowKey ge 'a|' and RowKey lt 'e'")
        held = await self.locks()
        if not left and not held:
            return
        for queue in queues_needed(load(NAMES)):
            with self.running.queue(queue) as client:
                client.clear_messages()
        for table, rows in (("operations", left), ("locks", held), ("chains", await self.rows("chains"))):
            for row in rows:
                await self.tables.get_table_client(table).delete_entity(row)

    # asking

    async def start(self, wanted: Wanted, *, key: str | None = None, most: int = 12) -> Asked:
        """Ask over HTTP, with the same key again where no answer comes, as a careful client does."""
        key = key or str(uuid.uuid4())
        for attempt in range(most):
            try:
                async with self.http.post(
                    f"{self.running.api}/restore-point-copies",
                    json=wanted.body,
                    headers={"Authorization": f"Bearer {await self.token(wanted.tenant)}", "Repeatability-Request-ID": key}
                    | {"Repeatability-First-Sent": "Mon, 01 Jan 2024 00:00:00 GMT"},
                ) as answer:
                    body = await answer.json(content_type=None)
                    if answer.status == 202:
                        return self.remember(wanted, key, body["id"])
                    assert answer.status >= 500 or answer.status == 429, f"{answer.status}: {body}"
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2 * attempt)  # real processes come back in real time
        raise AssertionError(f"the request was never answered: {self.running.host.last_lines()}")

    def remember(self, wanted: Wanted, key: str, operation: str) -> Asked:
        """Count on a copy from now on."""
        for known in self.asked:
            if known.operation == operation:
                assert known.key == key
                return known
        self.asked.append(Asked(wanted, key, operation))
        return self.asked[-1]

    async def adopt(self, wanted: Wanted, key: str) -> Asked:
        """Count on the copy that a message became."""
        source = wanted.body["source"]
        listed = await self.get("/restore-point-copies?top=50", wanted.tenant)
        vm = source.get("virtualMachineId")
        (found,) = [copy for copy in listed["value"] if vm is not None and copy["source"]["virtualMachineId"] == vm]
        return self.remember(wanted, key, found["id"])

    def send(self, body: Json | str, queue: str = REQUESTS) -> None:
        """Put a message on a queue."""
        with self.running.queue(queue) as client:
            client.send_message(body if isinstance(body, str) else json.dumps(body))

    async def get(self, path: str, tenant: str = "provider") -> Json:
        """Read something of the API; a worker that was just killed is asked again."""
        for attempt in range(20):
            try:
                headers = {"Authorization": f"Bearer {await self.token(tenant)}"}
                async with self.http.get(f"{self.running.api}{path}", headers=headers) as answer:
                    if answer.status == 200:
                        found: Json = await answer.json()
                        return found
                    assert answer.status >= 500, f"{path}: {answer.status}"
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1 * attempt)
        raise AssertionError(f"{path} was never answered")

    async def token(self, tenant: str) -> str:
        """Return a token of a tenant's caller that may do everything there."""
        if tenant not in self._tokens:
            roles = ("Copies.Read", "Copies.Write", *(("Admin",) if tenant == "provider" else ()))
            self._tokens[tenant] = await self.simulation.token(*roles, tenant=tenant)
        return self._tokens[tenant]

    # moving on

    async def until_ended(self, *, step: str = "PT5M", most: int = 200, seconds: float = 120) -> Figures:
        """Advance in lockstep until no operation is active and no message is left; fails where that takes too long."""
        began, start, unsettled = time.monotonic(), (await self.simulation.clock()).now, 0
        for advances in range(1, most + 1):
            reading = await self.simulation.advance(step)
            unsettled += not reading.settled
            if not await self.at_work() and not self.waiting(REQUESTS):
                return Figures(advances, unsettled, time.monotonic() - began, reading.now - start)
            if time.monotonic() - began > seconds:
                break
        left = [(row["RowKey"], row["step"], row["nextAt"], row["leaseUntil"], row.get("attention")) for row in await self.active()]
        raise AssertionError(f"after {advances} advances, {time.monotonic() - began:.0f} s, {len(left)} have not ended: {left[:10]}")

    async def move_without_host(self, duration: str) -> None:
        """Move Azure's time and leave the work that comes due undone; the host leads in lockstep again afterwards."""
        await self.simulation.deregister_host()
        await self.simulation.advance(duration)
        await self.simulation.register_host(self.running.control)

    async def active(self) -> list[Any]:
        """Return the active rows."""
        return await self.rows("operations", "RowKey ge 'a|' and RowKey lt 'a}'")

    async def at_work(self) -> list[Any]:
        """Return the active rows after an advance; where one is held by a process that died, give its lease time to end."""
        rows = await self.active()
        now = datetime.now(UTC).isoformat()
        if any(row["leaseUntil"] and from_text(row["leaseUntil"]) > from_text(now) for row in rows):
            await asyncio.sleep(0.1)  # a lease is wall time, and an advance does not wait for the dead
        return rows

    def waiting(self, queue: str) -> int:
        """Return about how many messages a queue holds, hidden ones too."""
        with self.running.queue(queue) as client:
            return int(client.get_queue_properties().approximate_message_count or 0)

    async def rows(self, table: str, filters: str = "") -> list[Any]:
        """Return a table's rows."""
        try:
            return [row async for row in self.tables.get_table_client(table).query_entities(filters)]
        except ResourceNotFoundError:
            return []

    async def locks(self) -> list[Any]:
        """Return the rows of locks; the mark of a job that runs once a day is in their table, too."""
        return await self.rows("locks", "PartitionKey ne 'daily'")

    async def nudge(self, times: int = 1) -> None:
        """Put messages on the queues for everything that is active, as often as wanted, needed or not."""
        for row in await self.active():
            for _ in range(times):
                self.send({"v": 1, "ids": [row["RowKey"].removeprefix("a|")]}, STEPS)
                check = {"v": 1, "kind": row["kind"], "group": row["group"], "ids": [row["RowKey"].removeprefix("a|")]}
                self.send(check, CHECKS)

    @property
    def _request_log(self) -> Path:
        return self.running.host.log.with_name("simulation.log")

    def requests(self) -> list[Json]:
        """Return every request that Azure got since the world began, in order: {time, method, path, status, clientRequestId}."""
        with self._request_log.open("rb") as log:
            log.seek(self._logged)
            return [json.loads(line) for line in log if line.startswith(b"{")]

    def take_events(self) -> list[Json]:
        """Take all events off `outcomes` and return all that came so far."""
        while taken := self.running.messages(OUTCOMES):
            self.events += [json.loads(text) for text in taken]
        return self.events

    # comparing

    async def compare(self, *, dead_locks: bool = False) -> Counter[str]:
        """Fail unless every copy that was asked for is usable, was begun exactly once, was announced once, and nothing is left over.

        Returns how often each terminal event was sent beyond once (a consumer may see the same event twice). `dead_locks`: rows of locks
        may be left without a holder, as where storage failed when one was to be released; the next operation takes it over.
        """
        copies = await asyncio.gather(*(self.get(f"/restore-point-copies/{one.operation}", one.wanted.tenant) for one in self.asked))
        for copy in copies:
            assert (copy["status"], copy["usable"], copy["percentComplete"]) == ("Succeeded", True, 100), copy
        effects = await self.simulation.effects()
        self._each_begun_once(copies, effects)
        self._in_order(copies, effects, await self.simulation.estate())
        doubled = self._told_once(copies)
        await self._nothing_left(copies)
        assert dead_locks or await self.locks() == [], f"locks are left: {await self.locks()}"
        return doubled

    def _each_begun_once(self, copies: Sequence[Json], effects: Sequence[Json]) -> None:
        puts = Counter(effect["path"].lower() for effect in effects if _is_point(effect))
        ours = {copy["target"]["restorePointId"].lower() for copy in copies}
        assert len(ours) == len(copies), "two copies have one target"
        made = {copy["source"]["restorePointId"].lower() for copy, one in zip(copies, self.asked, strict=True) if one.wanted.point is None}
        assert puts == Counter(dict.fromkeys(ours | made, 1))
        sources = Counter((copy["source"]["restorePointId"].lower(), copy["target"]["region"]) for copy in copies)
        assert set(sources.values()) == {1}, "a restore point was copied to a region twice"

    def _in_order(self, copies: Sequence[Json], effects: Sequence[Json], estate: Json) -> None:
        """Of each target collection: in the order of the sources' times, one at a time, three an hour by Azure's clock."""
        taken = {copy["target"]["restorePointId"].lower(): from_text(copy["source"]["takenAt"]) for copy in copies}
        ended = {
            point["id"].lower(): from_text(point["finishedAt"])
            for collection in estate["restorePointCollections"]
            for point in collection.get("restorePoints", ())
            if point["id"].lower() in taken
        }
        chains: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        for effect in effects:
            path = effect["path"].lower()
            if _is_point(effect) and path in taken:
                chains[path.rsplit("/", 2)[0]].append((from_text(effect["time"]), path))
        for started in chains.values():
            order = [taken[path] for _, path in started]
            assert order == sorted(order), f"out of order: {started}"
            for (_, before), (at, path) in itertools.pairwise(started):
                assert ended[before] <= at, f"{path} began at {at}, when {before} still ran until {ended[before]}"
            for (first, _), (fourth, path) in zip(started, started[3:], strict=False):
                assert fourth - first >= _HOUR, f"{path} was the fourth within {fourth - first}"

    def _told_once(self, copies: Sequence[Json]) -> Counter[str]:
        told = [event for event in self.take_events() if event["id"].endswith("/terminal")]
        counts = Counter(event["id"] for event in told)
        assert set(counts) == {f"{copy['id']}/terminal" for copy in copies}
        assert {event["type"] for event in told} == {"farshore.restorePointCopy.succeeded"}
        return Counter({event: count - 1 for event, count in counts.items() if count > 1})

    def looked_before_each_repetition(self) -> int:
        """Fail if a write that may have begun was sent again before a look was answered; return how many were sent again."""
        undecided: dict[tuple[str, str], bool] = {}  # whether one was looked for since it was sent, by path and request id
        again = 0
        for request in self.requests():
            path, method, status = request["path"].lower(), request["method"], request["status"]
            if method == "GET" and status in {200, 404}:
                undecided |= {key: True for key in undecided if key[0] == path}
            if method not in {"PUT", "DELETE"}:
                continue
            # a collection may be asked for by several operations, each by its own id; all else is one operation's
            key = (path, "" if "/restorepoints/" in path else request["clientRequestId"])
            if key in undecided:
                assert undecided[key], f"{method} {path} was sent again without a look"
                again += 1
            if not 400 <= status < 500:
                undecided[key] = False
            elif key in undecided:
                undecided[key] = False  # the refusal was this one's, not the earlier one's
        return again

    async def _nothing_left(self, copies: Sequence[Json]) -> None:
        assert await self.rows("operations", "RowKey ge 'a|' and RowKey lt 'e'") == [], "active rows or details are left"
        for row in await self.rows("chains"):
            assert row["RowKey"] == "head", f"a waiter is left: {row['RowKey']}"
            assert json.loads(row["head"])["current"] is None, f"a turn is left: {row['head']!r}"
        owners = Counter(row["owner"] for row in await self.rows("copies", "RowKey eq 'unique'"))
        assert {copy["id"] for copy in copies} <= set(owners)
        entries = {row["RowKey"].partition("|")[2] for row in await self.rows("copies", "RowKey ne 'unique'")}
        assert {copy["id"] for copy in copies} <= entries, "the ledger misses a copy"


def _is_point(effect: Json) -> bool:
    return effect["method"] == "PUT" and "/restorepoints/" in effect["path"].lower()
