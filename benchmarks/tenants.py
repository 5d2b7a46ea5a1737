"""What a call costs with 10,000 tenants in the registry and with 10: storage calls, CPU, memory, on a real Azurite.

`python -m benchmarks.tenants [--rounds N] [--calls N] [--tenants N]`. Each tenant has a subscription of its own and callers. The sizes take
turns, and turns at being first, so that a busy machine slows them alike. CPU is this process's, which does what a worker does; Azurite's,
which reads every row of a table for a range, is left out. So is what waiting for it costs: before each page the smaller registry's process
sleeps for as long as the larger one's waits longer, because a processor that has waited finds its caches cold. Memory is that of a process
of its own for each size, after as many calls.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Cell, report, verdict
from benchmarks.seeding import Bulk
from benchmarks.traffic import Traffic, counted_storage
from local import azurite
from local.processes import ROOT
from shared.access.callers import tenant_of
from shared.access.ownership import owner_of
from shared.access.plans import HostingPlans
from shared.access.principal import Principal
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.claims import claims_of
from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant, TenantKind
from shared.access.registrar import Registrar
from shared.access.registry import Registry
from shared.access.roles import Role
from shared.clock import RandomIds, SystemClock
from shared.copies.kinds import COPY
from shared.operations.accepting import locks, message_keys
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.message_keys import MessageKeys
from shared.operations.model import store
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Actor, NewOperation
from shared.operations.model.rows import Entity
from shared.operations.model.store import Store
from shared.storage.pieces import pieces
from shared.storage.tables import Storage
from shared.tenants.documents import TenantDocuments, TenantFilter
from shared.tenants.locations import Locations
from shared.values.reading import Json
from shared.web.lists import Page
from tests.support.ports import take_ports

FEW = 10
_PAGE = 5
ADMIN = Principal(Actor("user", "an-admin"), "tenant-00000", str(uuid.UUID(int=1)), frozenset(Role), is_provider=True, is_person=True)


def guid(kind: int, number: int) -> str:
    """Return a GUID of its own for each kind and number."""
    return str(uuid.UUID(int=(kind << 96) + number + 1))


def tenant(number: int) -> Tenant:
    """Return the tenant of that number; the first is the provider."""
    return Tenant(
        name=f"tenant-{number:05d}",
        kind=TenantKind.TENANT if number else TenantKind.PROVIDER,
        tenant_id=guid(1, number),
        subscriptions=(guid(2, number),),
    )


def rows_of(number: int) -> list[Entity]:
    """Return the rows of a tenant and of its claims."""
    one = tenant(number)
    document: Entity = {
        "PartitionKey": "tenant", "RowKey": one.name, "v": 1, "claimed": 1, "updatedAt": "2026-01-01T00:00:00.000000Z",
        **pieces("document", one.model_dump(mode="json", by_alias=True)),
    }  # fmt: skip
    claims: list[Entity] = [
        {
            "PartitionKey": "claim", "RowKey": key.row_key, "v": 1, "kind": str(key.kind), "value": key.value, "tenant": one.name,
            "nonce": "seed", "takenAt": "", "releasedAt": "",
        }
        for key in claims_of(one)
    ]  # fmt: skip
    return [document, *claims]


def machine(number: int) -> str:
    """Return the id of a machine of a tenant."""
    return f"/subscriptions/{guid(2, number)}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


class Place:
    """The services over a registry of so many tenants."""

    def __init__(self, storage: Storage, count: int) -> None:
        self.count = count
        table, clock, ids = storage.table(f"tenants{count}"), SystemClock(), RandomIds()
        self.registry = Registry(table, clock)
        rows, plans = TenantRows(table, ids), HostingPlans(table, clock, ids)
        operations = Store(storage.table(store.TABLE), clock, ids)
        held = Locks(storage.table(locks.TABLE), operations, clock, ids)
        keys = MessageKeys(storage.table(message_keys.TABLE))
        self.acceptance = Acceptance(operations, held, storage.queues, Kinds.of([COPY]), keys)
        registrar = Registrar(table, clock, ids)
        packs, places = AzurePackSubscriptions(table), Locations(no_locations)
        self.documents = TenantDocuments(registrar, self.registry, rows, plans, operations, packs, places, "vault.azure.net")

    def name(self, number: int) -> str:
        """Return the name of a tenant, numbers beyond the last in turn."""
        return tenant(number % self.count).name

    async def get(self, number: int) -> None:
        """`GET /tenants/{tenant}`."""
        await self.documents.get(ADMIN, self.name(number))

    async def token(self, number: int) -> None:
        """From the claims of a token to its tenant."""
        found = await tenant_of(self.registry, {"tid": guid(1, number % self.count), "azp": guid(3, number)})
        assert found is not None

    async def owner(self, number: int) -> None:
        """From the id of a machine to its tenant."""
        assert await owner_of(self.registry, machine(number % self.count)) == self.name(number)

    async def page(self, _: int) -> None:
        """A page of five of `GET /tenants`."""
        found, _last = await self.documents.page(ADMIN, TenantFilter(), Page(_PAGE, None))
        assert len(found) == _PAGE

    async def accept(self, number: int) -> None:
        """Find the owner of a machine, and accept an operation."""
        owner = await owner_of(self.registry, machine(number % self.count))
        assert owner is not None
        await self.acceptance.accept(NewOperation(COPY.name, owner, None, {"n": number}, ADMIN.actor, "preparing"))


async def no_locations(subscription_id: str) -> list[Json]:  # noqa: ARG001  # named by the protocol
    """Return no locations: nothing is written here."""
    return []


@dataclass(frozen=True, slots=True)
class Way:
    """A call that is measured, by the method of `Place` that makes it; so many `times` for each tenant where it is too short to time.

    With `waits_alike` the smaller registry's calls are preceded by a pause, so that both wait alike.
    """

    what: str
    method: str
    is_warm: bool = False
    times: int = 1
    waits_alike: bool = False


WAYS = (
    Way("GET /tenants/{tenant}", "get"),
    Way("token to tenant, cold", "token"),
    Way("token to tenant, warm", "token", is_warm=True, times=50),
    Way("owner of a machine, cold", "owner"),
    Way("owner of a machine, warm", "owner", is_warm=True, times=50),
    Way("GET /tenants, a page of 5", "page", waits_alike=True),
    Way("GET /tenants, a page of 5, without the pauses", "page"),
    Way("acceptance, warm", "accept", is_warm=True),
)


@dataclass
class Cost:
    """The storage calls of one call, and the CPU seconds of all of a round, a value for each round."""

    calls: float
    cpu: list[float]


@dataclass(frozen=True, slots=True)
class Measured:
    """The storage calls of each call, the CPU seconds of all, and the wall seconds of each, pauses left out."""

    calls: float
    cpu: float
    wall: float


async def measure(traffic: Traffic, place: Place, way: Way, numbers: range, pause: float = 0.0) -> Measured:
    """Make calls one after another, each after a pause."""
    call = getattr(place, way.method)
    if way.is_warm:  # each tenant that is asked for was asked for just before
        for number in numbers:
            await call(number)
    traffic.clear()
    before, began, total = time.process_time(), time.perf_counter(), len(numbers) * way.times
    for _ in range(way.times):
        for number in numbers:
            if not way.is_warm:
                place.registry.forget()
            if pause:
                await asyncio.sleep(pause)
            await call(number)
    wall = (time.perf_counter() - began) / total - pause
    return Measured(traffic.calls.total() / total, time.process_time() - before, wall)


async def run(connection_string: str, many: int, rounds: int, calls: int) -> list[dict[str, Cell]]:
    """Fill both registries, and measure every call at both, in turns."""
    traffic = Traffic()
    costs: dict[tuple[str, int], Cost] = {}
    async with counted_storage(connection_string, traffic) as storage:
        await prepare(storage, connection_string, many)
        for turn in range(rounds):
            for way in WAYS:
                numbers, pause = range(turn * calls, (turn + 1) * calls), 0.0
                if way.waits_alike:
                    walls = [(await measure(traffic, Place(storage, count), way, numbers[:5])).wall for count in (FEW, many)]
                    pause = max(0.0, walls[1] - walls[0])
                for count in (FEW, many) if turn % 2 == 0 else (many, FEW):  # what the first leaves behind, the second pays for
                    seen = await measure(traffic, Place(storage, count), way, numbers, pause if count == FEW else 0.0)
                    costs.setdefault((way.what, count), Cost(seen.calls, [])).cpu.append(seen.cpu)
    return [line(way.what, costs[(way.what, FEW)], costs[(way.what, many)]) for way in WAYS]


async def prepare(storage: Storage, connection_string: str, many: int) -> None:
    """Make the tables, and fill the registries."""
    await storage.create([f"tenants{FEW}", f"tenants{many}", store.TABLE, locks.TABLE, message_keys.TABLE], [COPY.step_queue])
    for count in (FEW, many):
        await Bulk(connection_string, f"tenants{count}").insert(row for number in range(count) for row in rows_of(number))
        await storage.table(f"tenants{count}").upsert({"PartitionKey": "meta", "RowKey": "claims", "v": 1})


def line(what: str, few: Cost, many: Cost) -> dict[str, Cell]:
    """Return a line of the table; the ratio is that of the least CPU of the rounds, which other work on the machine disturbs least."""
    ratio = min(many.cpu) / min(few.cpu)
    return {"what": what, "calls, few": few.calls, "calls, many": many.calls, "CPU, many to few": round(ratio, 2)}


def memory(connection_string: str, count: int, calls: int) -> float:
    """Return the MiB of a process that has answered so many calls over so many tenants."""
    command = [sys.executable, "-m", "benchmarks.tenants", "--worker", connection_string, str(count), "--calls", str(calls)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


async def work(connection_string: str, count: int, calls: int) -> None:
    """Be a worker: ask for owners and tokens of tenants in turn, and print the memory that it took."""
    from functions.capabilities import NAMES, load

    load(NAMES)
    async with counted_storage(connection_string, Traffic()) as storage:
        place = Place(storage, count)
        for number in range(calls):
            await place.owner(number)
            await place.token(number)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Start Azurite, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        asyncio.run(work(options.worker[0], int(options.worker[1]), options.calls))
        return
    with tempfile.TemporaryDirectory(prefix="farshore-tenants-") as folder:
        emulator = azurite.start(take_ports(3), Path(folder) / "azurite.log")
        try:
            azurite.wait(emulator)
            lines = asyncio.run(run(emulator.connection_string, options.tenants, options.rounds, options.calls))
            taken = {count: memory(emulator.connection_string, count, options.calls * 20) for count in (FEW, options.tenants)}
        finally:
            emulator.stop()
    title = f"{options.tenants} tenants beside {FEW}: {options.rounds} rounds of {options.calls} calls"
    report("tenants", title, lines, rounds=options.rounds, memory={str(count): round(found, 1) for count, found in taken.items()})
    more = [str(one["what"]) for one in lines if one["calls, few"] != one["calls, many"]]
    verdict(f"the same number of storage calls{': not ' + ', '.join(more) if more else ''}", holds=not more)
    highest = max(float(one["CPU, many to few"] or 0) for one in lines)
    verdict(f"CPU at most 1.1 times: {highest}", holds=highest <= 1.1)
    ratio = taken[options.tenants] / taken[FEW]
    verdict(
        f"memory of a worker at most 1.2 times: {ratio:.2f} ({taken[FEW]:.0f} and {taken[options.tenants]:.0f} MiB)", holds=ratio <= 1.2
    )


if __name__ == "__main__":
    main()
