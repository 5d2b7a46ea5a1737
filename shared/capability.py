"""What a capability is: one declaration from which tables, queues, routes, messages, timers and OpenAPI are derived.

`docs/adding-a-capability.md` shows how to write one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, runtime_checkable

from shared.operations.model.kinds import Kind
from shared.web.calls import App, Endpoint

if TYPE_CHECKING:
    from shared.access.registry import Registry
    from shared.access.roles import Role
    from shared.arm.clients import AzureClients
    from shared.clock import Clock, Ids
    from shared.operations.accepting.acceptance import Acceptance
    from shared.operations.accepting.commands import Commands
    from shared.operations.accepting.locks import Locks
    from shared.operations.accepting.resolving import Resolver
    from shared.operations.model.models import Actor
    from shared.operations.model.store import Store
    from shared.operations.outside.events import Events
    from shared.operations.outside.intake import Intake
    from shared.operations.running.budgets import Budgets
    from shared.operations.running.workflow import Workflow
    from shared.operations.timings import Timings
    from shared.readiness import ReadinessCheck
    from shared.secrets.keeper import Secrets
    from shared.secrets.references import SecretReferences
    from shared.settings import Settings
    from shared.storage.blobs import BlobAccount
    from shared.storage.tables import Storage, Table

T = TypeVar("T")
Job = Callable[[], Awaitable[None]]
"""Work that a timer starts; an error of one job does not keep the others from running."""


@runtime_checkable
class _Closable(Protocol):
    """An object with connections."""

    async def close(self) -> None:
        """Close every connection."""
        ...


class SharedObjects:
    """Objects that several capabilities of one process use, one of each type: connections, and what counts them."""

    def __init__(self) -> None:
        self._made: dict[type, object] = {}

    def get(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return the object of a type; the first capability that needs it makes it."""
        if kind not in self._made:
            self._made[kind] = make()
        return cast("T", self._made[kind])

    async def close(self) -> None:
        """Close each object that has something to close."""
        await asyncio.gather(*(one.close() for one in self._made.values() if isinstance(one, _Closable)))


@dataclass(frozen=True, slots=True)
class Core:
    """What every capability is built from; no capability is in it."""

    settings: "Settings"
    clock: "Clock"
    ids: "Ids"
    storage: "Storage"
    blobs: "BlobAccount"
    store: "Store"
    locks: "Locks"
    acceptance: "Acceptance"
    commands: "Commands"
    registry: "Registry"
    registry_table: "Table"
    clients: "AzureClients"
    secrets: "Secrets"
    secret_references: "SecretReferences"
    timings: "Timings"
    events: "Events"
    budgets: "Budgets"
    shared: SharedObjects = field(default_factory=SharedObjects)


@dataclass(frozen=True, slots=True)
class MessageCall:
    """One message of an intake queue on its way to its handler; `actor` acts for the queue."""

    app: App
    intake: "Intake"
    actor: "Actor"


@dataclass(frozen=True, slots=True)
class Message:
    """How messages of one operation are carried out: the role that senders need in the settings, and the handler.

    On a queue whose messages name their kind, all have a `target` but those with `creates`, which have what they create in their body.
    """

    role: "Role"
    handler: Callable[[MessageCall], Awaitable[None]]
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What a capability consists of once it is assembled.

    `services` are found by type: `call.of(Copies)`. `workflows` has one entry for each of its kinds. `messages` has the handlers of its
    intake queue by kind and operation, such as `("failover", "cancel")`. `timers` run with the timer `schedule`, every minute; `gauges`
    run with `tick`. `readiness` is what the capability checks of a tenant. `resolvers` has an entry for each kind that
    `POST /operations/{id}/resolve` resolves.
    """

    services: tuple[object, ...] = ()
    workflows: "Mapping[str, Workflow]" = field(default_factory=dict)
    messages: Mapping[tuple[str, str], Message] = field(default_factory=dict)
    timers: tuple[Job, ...] = ()
    gauges: tuple[Job, ...] = ()
    readiness: "tuple[ReadinessCheck, ...]" = ()
    resolvers: "Mapping[str, Resolver]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability, static: known when functions are indexed, without any SDK.

    `name` is its value in FARSHORE_CAPABILITIES and the name of its folders. `intake` is the queue of other systems' messages; a
    message without a kind has `default_kind`; where no capability of the queue has one, each message names its kind and its tenant.
    `containers` are the blob containers that it writes. `assemble` imports SDKs and is called
    once, at the first invocation.
    """

    name: str
    assemble: Callable[[Core], Parts]
    kinds: tuple[Kind, ...] = ()
    tables: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    intake: str | None = None
    default_kind: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


def tables_of(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the tables that these capabilities need beside the core's, each once."""
    return tuple(dict.fromkeys(table for one in capabilities for table in one.tables))


def intake_queues(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the queues that take other systems' messages, each once."""
    return tuple(dict.fromkeys(one.intake for one in capabilities if one.intake is not None))


def step_queues(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the queues that carry steps, each once."""
    return tuple(dict.fromkeys(kind.step_queue for one in capabilities for kind in one.kinds))


def check_queues(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the queues that carry checks, each once."""
    return tuple(dict.fromkeys(kind.check_queue for one in capabilities for kind in one.kinds if kind.check_queue is not None))
