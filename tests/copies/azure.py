"""Azure as a copy's steps meet it, scripted: answers to reads by path, a record of writes; and a claim without storage."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from shared.arm.answers import ArmResponse
from shared.arm.clients import AzureClients
from shared.arm.failures import failure_of
from shared.arm.ids import ResourceId
from shared.clock import to_text
from shared.copies.copying.rules.chain import ChainHead, Waiter
from shared.copies.copying.rules.naming import source_collection_id
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.waiting.chains import Chain, Chains
from shared.copies.copying.waiting.in_flight import InFlight
from shared.copies.copying.waiting.turns import Superseding, Turns
from shared.copies.copying.workflow import CopySteps
from shared.copies.gateway import RestorePointGateway
from shared.copies.ledger import Ledger, LedgerEntry
from shared.copies.points.records import MadePoint
from shared.errors import CallFailure
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Effect
from shared.operations.timings import Timings
from tests.support.clocks import START, ManualClock

Json = dict[str, Any]
T = TypeVar("T")
SUBSCRIPTION = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31"
VM = f"{SUBSCRIPTION}/resourceGroups/harbour-prod/providers/Microsoft.Compute/virtualMachines/quay01"
COLLECTION = f"{SUBSCRIPTION}/resourceGroups/harbour-prod/providers/Microsoft.Compute/restorePointCollections/quay01-points"
POINT = f"{COLLECTION}/restorePoints/quay01-monday"
TARGETS = f"{SUBSCRIPTION}/resourceGroups/harbour-dr/providers/Microsoft.Compute/restorePointCollections/quay01-copies"
ID = "abcdefghijkmnpqrstuvwxyz23"
COPY = f"{TARGETS}/restorePoints/{ID}"
OF_VM = str(source_collection_id(ResourceId.parse(VM)))
MADE = f"{OF_VM}/restorePoints/{ID}"
OPERATION = f"https://management.azure.com{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/1?api-version=1"
DISK = f"{SUBSCRIPTION}/resourceGroups/harbour-prod/providers/Microsoft.Compute/disks/quay01-os"


def not_found(code: str = "ResourceNotFound") -> CallFailure:
    """Return Azure's 404."""
    return answered(404, code)


def answered(status: int, code: str, headers: Mapping[str, str] | None = None, **more: object) -> CallFailure:
    """Return the failure of an answer with an error."""
    return failure_of(status, headers or {}, json.dumps({"error": {"code": code, "message": f"{code}.", **more}}))


def restore_point(id_: str, state: str | None = "Succeeded", **properties: object) -> Json:
    """Return a restore point with one disk."""
    disk = {"name": "quay01-os", "managedDisk": {"id": DISK}, "diskSizeGB": 30}
    known: Json = {
        "provisioningState": state,
        "timeCreated": to_text(START),
        "sourceMetadata": {"storageProfile": {"osDisk": disk}},
        **properties,
    }
    return {"id": id_, "name": id_.rpartition("/")[2], "properties": known}


def copied(percent: int, state: str = "Succeeded") -> Json:
    """Return a copy with its instance view."""
    code = "ReplicationState/succeeded" if percent == 100 else "ReplicationState/replicating"
    status = {"status": {"code": code, "level": "Info"}, "completionPercent": percent}
    view = {
        "statuses": [{"code": code, "level": "Info"}],
        "diskRestorePoints": [{"id": f"{COPY}/diskRestorePoints/os", "replicationStatus": status}],
    }
    return restore_point(COPY, state, sourceRestorePoint={"id": POINT}, instanceView=view)


def collection(id_: str, source: str, region: str, *points: Json) -> Json:
    """Return a collection, with its restore points where there are any."""
    return {"id": id_, "location": region, "properties": {"source": {"id": source}, "restorePoints": list(points)}}


def machine() -> Json:
    """Return the VM."""
    disk = {"name": "quay01-os", "managedDisk": {"id": DISK}}
    return {"id": VM, "location": "westeurope", "properties": {"storageProfile": {"osDisk": disk}}}


@dataclass
class ScriptedAzure:
    """Answers reads from `things` by id, or from `next_reads` first; records writes, each of which `refusals` may refuse.

    A read with `$expand=restorePoints` of a collection reads `lists` where it has the id.
    """

    things: Json = field(default_factory=dict)
    lists: Json = field(default_factory=dict)
    next_reads: dict[str, list[Json | CallFailure]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[str, list[CallFailure]] = field(default_factory=lambda: defaultdict(list))
    links: dict[str, Json | CallFailure] = field(default_factory=dict)
    writes: list[tuple[str, str, Any]] = field(default_factory=list)
    operation_url: str | None = None

    groups: dict[str, list[Json]] = field(default_factory=dict)

    def put(self, *bodies: Json) -> None:
        """Let resources exist."""
        self.things |= {body["id"].lower(): body for body in bodies}

    async def read(self, path: object, *, api_version: str, params: Mapping[str, str] | None = None, **_: object) -> ArmResponse:
        """Answer a GET."""
        assert api_version
        key = str(path).lower()
        scripted = self.next_reads[key].pop(0) if self.next_reads[key] else None
        if params == {"$expand": "restorePoints"} and key in self.lists:
            scripted = self.lists[key]
        found = scripted if scripted is not None else self.things.get(key)
        if found is None:
            raise not_found()
        if isinstance(found, CallFailure):
            raise found
        return ArmResponse(200, found, {})

    async def read_all(self, path: str, **_: object) -> list[Json]:
        """Answer a list: two regions, and the collections of `groups` by the path of their resource group."""
        if path.endswith("/locations"):
            return [{"name": "westeurope"}, {"name": "northeurope"}]
        return self.groups.get(path.partition("/providers/")[0].lower(), [])

    async def read_link(self, url: str, **_: object) -> ArmResponse:
        """Answer the GET of an operation."""
        found = self.links[url]
        if isinstance(found, CallFailure):
            raise found
        return ArmResponse(200, found, {})

    async def compute(self, subscription_id: str) -> object:
        """Return the SDK's client."""
        assert subscription_id
        points = SimpleNamespace(begin_create=self._write("PUT", "restorePoints"), begin_delete=self._write("DELETE", "restorePoints"))
        return SimpleNamespace(
            restore_points=points, restore_point_collections=SimpleNamespace(create_or_update=self._write("PUT", "restorePointCollections"))
        )

    async def call(self, operation: Awaitable[T], **_: object) -> T:
        """Await a write."""
        return await operation

    def _write(self, method: str, kind: str) -> Any:  # a method of the SDK's
        async def send(*args: Any, raw_response_hook: Any = None, **_: object) -> None:
            what = f"{method} {kind}"
            if self.refusals[what]:
                raise self.refusals[what].pop(0)
            self.writes.append((method, args[1] if kind == "restorePointCollections" else args[2], args[-1]))
            if raw_response_hook is not None:
                headers = {"Azure-AsyncOperation": self.operation_url} if self.operation_url else {}
                raw_response_hook(SimpleNamespace(http_response=SimpleNamespace(status_code=201, headers=headers)))

        return send

    def sent(self, method: str) -> list[str]:
        """Return the names of what was written."""
        return [name for written, name, _ in self.writes if written == method]


class BareClaim:
    """A claim without storage: an effect is sent at once, unless `intent` names it: then it is only looked for."""

    def __init__(self, body: Json, data: Json | None = None, detail: Json | None = None) -> None:
        self.id = ID
        self.operation = SimpleNamespace(body=body)
        self.row = SimpleNamespace(tenant="harbour", attempts=1)
        self.data: Json = data or {}
        self.detail: Json = detail or {}
        self.locks: tuple[str, ...] = ()
        self.filters: dict[str, str] = {}
        self.at_send: list[tuple[str, Json]] = []

    def take_input(self) -> None:
        """Return that nothing is given."""

    def intends(self, _effect: str) -> bool:
        """Return that nothing is in doubt."""
        return False

    def hold(self, lock: str) -> None:
        """Hold a lock."""
        self.locks = (*self.locks, lock)

    def drop(self, lock: str) -> None:
        """Drop a lock."""
        self.locks = tuple(name for name in self.locks if name != lock)

    async def perform(self, effect: Effect[T]) -> T:
        """Send an effect, and note the detail that is stored with its intent."""
        self.at_send.append((effect.name, json.loads(json.dumps(self.detail))))
        return await effect.send("request-id")

    @property
    def claim(self) -> Claim:
        """This, as the claim that it replaces in a test."""
        return cast("Claim", self)


class BarePoints:
    """The restore points of the ledger, in memory."""

    def __init__(self) -> None:
        self.made: list[MadePoint] = []

    async def record(self, made: MadePoint) -> None:
        """Record a restore point."""
        self.made.append(made)


class BareLedger:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.points = BarePoints()
        self.noted: dict[str, str] = {}
        self.failed: list[ResourceId] = []
        self.entries: list[LedgerEntry] = []
        self.earlier: tuple[timedelta, ...] = ()

    async def claim(self, *_: object, **__: object) -> bool:
        """Claim a copy."""
        return bool(self.failed)

    async def failed_points(self, *_: object) -> list[ResourceId]:
        """Return what failed copies have left."""
        return self.failed

    async def started_at(self, _point: ResourceId) -> None:
        """Return that the start is unknown."""
        return

    async def note_restore_point(self, _tenant: str, _vm: ResourceId, point: ResourceId, operation: str) -> None:
        """Note a restore point."""
        self.noted[operation] = str(point)

    async def forget_restore_point(self, _vm: ResourceId, operation: str) -> None:
        """Forget a restore point."""
        self.noted.pop(operation, None)

    async def record(self, entry: LedgerEntry) -> None:
        """Record a copy."""
        self.entries.append(entry)

    async def earlier_durations(self, _vm: ResourceId, _region: str) -> tuple[timedelta, ...]:
        """Return how long earlier copies took."""
        return self.earlier


class BareChains:
    """Chains in which only this copy waits, and has the turn."""

    def __init__(self) -> None:
        self.chain = Chain("c", ChainHead(current=ID), (Waiter(START, ID),), "etag")

    async def read(self, _key: str) -> Chain:
        """Read the chain."""
        return self.chain

    async def write_head(self, chain: Chain, head: ChainHead) -> Chain:
        """Write the head."""
        self.chain = replace(chain, head=head)
        return self.chain

    async def join(self, *_: object) -> None:
        """Join."""

    async def change_head(self, _key: str, change: Any) -> None:  # a callable
        """Change the head."""
        change(ChainHead())


class BareLocks:
    """Locks that are free."""

    async def take(self, *_: object) -> None:
        """Take."""


NO_LIMIT = InFlight(cast("Any", None), cast("Any", None), 0)


@dataclass
class Bench:
    """The steps over a scripted Azure, with a clock that the test moves."""

    azure: ScriptedAzure = field(default_factory=ScriptedAzure)
    clock: ManualClock = field(default_factory=ManualClock)
    ledger: BareLedger = field(default_factory=BareLedger)

    def __post_init__(self) -> None:
        """Build the steps."""
        gateway = RestorePointGateway(cast("AzureClients", self.azure), self.clock)
        chains, ledger = cast("Chains", BareChains()), cast("Ledger", self.ledger)
        sources = SourceSteps(gateway, chains, ledger, cast("Locks", BareLocks()), cast("Superseding", None), self.clock, Timings())
        self.gateway = gateway
        self.steps = CopySteps(sources, gateway, chains, Turns(chains, gateway, self.clock), ledger, self.clock, Timings(), NO_LIMIT)


def row(data: Json) -> Active:
    """Return the active row of a copy that has started."""
    now = to_text(START)
    return Active(ID, "restorePointCopy", "harbour", now, now, Status.RUNNING, "copying", now, data=data)


def of_point() -> Json:
    """Return a request to copy a restore point."""
    return {
        "source": {"restorePointId": POINT},
        "target": {"region": "northeurope", "resourceGroup": "harbour-dr", "collection": "quay01-copies"},
    }


def of_machine(**more: object) -> Json:
    """Return a request to copy a VM."""
    return {"source": {"virtualMachineId": VM}, "target": of_point()["target"], **more}


def started_data() -> Json:
    """Return the state of a copy that has started."""
    now = to_text(START)
    known = {"point": POINT, "target": COPY, "chain": "c", "takenAt": now, "disks": 1, "sizeGb": 30}
    return {**known, "startedAt": now, "progressAt": now, "shown": 0, "checks": 0}
