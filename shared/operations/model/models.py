"""The model of the durable core: an operation, its state, and who asked for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.errors import Problem
from shared.secrets.places import Place
from shared.values.hidden import Hidden

JsonObject = dict[str, object]
"""A JSON object as `json.loads` gives it."""


class Status(StrEnum):
    """The states of an operation (Azure REST API guidelines, long-running operations)."""

    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def ended(self) -> bool:
        """Whether it never changes again."""
        return self in {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}


@dataclass(frozen=True, slots=True)
class Attention:
    """Why a person must look: a code, a sentence, and since when."""

    code: str
    message: str
    since: str

    def as_json(self) -> JsonObject:
        """The `attention` of an answer."""
        return {"code": self.code, "message": self.message, "since": self.since}


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be sent, written before it is sent.

    `at` is when it was first meant, `last` when it was last sent, both Azure's time as text; `lost` counts the sends of unknown outcome;
    `refusal` is a definite no that came while an earlier send had an unknown outcome; `own` is false for a preparation; `was_started` is
    whether an earlier effect of the operation's own had begun before.
    """

    effect: str
    client_request_id: str
    at: str
    last: str
    own: bool = True
    was_started: bool = False
    lost: int = 0
    looks: int = 0
    refusal: Problem | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """An effect that Azure refuses for a reason that may pass; `since` is Azure's time as text, `refusals` is how often it was refused."""

    effect: str
    since: str
    refusals: int = 1


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked: `kind` is user, app, queue or system; `id` is the object id or the queue's name."""

    kind: str
    id: str
    name: str = ""

    @property
    def is_queue(self) -> bool:
        """Whether a message asked."""
        return self.kind == "queue"

    def as_json(self) -> JsonObject:
        """The `requestedBy` of an answer."""
        return {"kind": self.kind, "id": self.id, "name": self.name}

    @staticmethod
    def from_json(body: Mapping[str, object]) -> "Actor":
        """Read what `as_json` wrote."""
        return Actor(str(body.get("kind", "system")), str(body.get("id", "")), str(body.get("name", "")))


class Command(StrEnum):
    """What anybody may ask of an operation that is under way."""

    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command that was taken, and who gave it; `id` is unique."""

    id: str
    command: Command
    by: Actor

    def as_json(self) -> JsonObject:
        """Write it down, as a row holds it."""
        return {"id": self.id, "command": str(self.command), "by": self.by.as_json()}

    @staticmethod
    def from_json(body: Mapping[str, object]) -> "PendingCommand":
        """Read what `as_json` wrote."""
        by = body.get("by")
        return PendingCommand(str(body["id"]), Command(str(body["command"])), Actor.from_json(by if isinstance(by, dict) else {}))


@dataclass(frozen=True, slots=True)
class NewOperation:
    """A request that was found good and is to become an operation.

    `key` identifies it among its owner's operations of its kind (None: it is the only one of its kind). `body` is the JSON as sent, whose
    hash distinguishes a repetition from another request under the same key; `compare_body` is false for a timer's slot. `filters` are the
    values that lists filter by. `locks` are held already and named in the row. `data` is what the first step finds. `first_sent` is when
    the client asked first, as it sent it. `action` is which of its kind's actions was asked for (None: the kind has one only).

    `secrets` are the plain secrets of the request by their place in `body` (("user", "password")), where `body` has an empty object: they
    are stored before the acceptance, and the operation's body has a reference in their place (`shared.secrets.requests`). `compared` is
    what a repetition is compared with, where it is not the body.
    """

    kind: str
    tenant: str
    key: str | None
    body: JsonObject
    actor: Actor
    first_step: str
    data: JsonObject = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[str, ...] = ()
    compare_body: bool = True
    trace: str | None = None
    first_sent: str | None = None
    action: str | None = None
    secrets: Mapping[Place, Hidden] = field(default_factory=dict)
    compared: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One accepted request, from its acceptance to its end, as a reader sees it.

    `body` is the request as sent; `detail` is what the steps and checks learned, in the capability's own form, and `data` what
    scheduling needs of it while it runs. `action` is which of its kind's actions was asked for, `result` what became of it, once it has
    ended; other kinds have neither. Times are aware UTC.
    """

    id: str
    kind: str
    tenant: str
    status: Status
    step: str
    percent_complete: int
    attention: Attention | None
    cancel_requested: bool
    created_at: datetime
    last_updated_at: datetime
    completed_at: datetime | None
    actor: Actor
    body: JsonObject
    detail: JsonObject
    data: JsonObject
    error: Problem | None
    action: str | None = None
    result: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The operation that a request became, or found: `created` is false when the key was known."""

    operation: Operation
    created: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list, newest first; `last` is where the next page begins after, None at the end."""

    operations: tuple[Operation, ...]
    last: str | None
