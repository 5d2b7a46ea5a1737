"""A data center as it is stored, and the record of its suspension; members of a newer version are kept."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from shared.access.records.fields import StoredModel
from shared.data_centers.kinds import Action
from shared.errors import ProblemJson
from shared.installations.document import AfterSuspension

MOST_PENDING: Final = 20


class DataCenterState(StrEnum):
    """What a data center is."""

    PROVISIONING = "Provisioning"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    FAILED = "Failed"
    DELETED = "Deleted"

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left that can be changed."""
        return self in {DataCenterState.FAILED, DataCenterState.DELETED}


class SecretState(StrEnum):
    """What became of the password of a data center's user."""

    NONE = "none"
    WAITING = "waiting"
    REVEALED = "revealed"
    EXPIRED = "expired"


class PlanReference(StoredModel):
    """The plan of a data center."""

    id: str
    display_name: str


class UserReference(StoredModel):
    """The user of a data center; `created_by_us` where its order made it."""

    name: str
    email: str
    created_by_us: bool = False


class AddOnOf(StoredModel):
    """An add-on of a data center, and its instance on the subscription."""

    id: str
    display_name: str
    personal: bool = False
    instance_id: str | None = None


class QuotaSync(StoredModel):
    """Whether Azure Pack's resource providers have the quota; `since` is Azure's time as text."""

    state: str = "Unknown"
    since: str | None = None
    message: str | None = None


class Observed(StoredModel):
    """What was last seen at Azure Pack, and when; `drift` is what was changed there."""

    at: str
    subscription_state: str
    activation_sync: str
    drift: tuple[str, ...] = ()


class SecretOf(StoredModel):
    """The password that waits to be shown once: by which operation it was made, and where Key Vault has it."""

    state: SecretState = SecretState.NONE
    expires_at: str | None = None
    operation: str | None = None
    reference: str | None = None


class Pending(StoredModel):
    """An operation that waits for its turn, or has it; `joined_at` is wall time as text."""

    operation_id: str
    action: Action
    joined_at: str


class LeftBehind(StoredModel):
    """What could not be undone."""

    kind: str
    id: str
    reason: str


class DataCenter(StoredModel):
    """A data center.

    `order_hash` is the hash of the order as sent and `order_operation` the operation that carries it out. `resources` are those in force,
    `wanted` those that a change asks for. `suspension_id` is that of the open record.
    """

    id: str
    tenant: str
    name: str
    installation: str
    state: DataCenterState
    attempt: int = 1
    order_hash: str
    order_operation: str
    plan: PlanReference | None = None
    subscription_id: str | None = None
    user: UserReference | None = None
    resources: dict[str, int] = Field(default_factory=dict)
    wanted: dict[str, int] | None = None
    add_ons: tuple[AddOnOf, ...] = ()
    operation_after_suspension: AfterSuspension | None = None
    start_on_resume: bool | None = None
    quota_sync: QuotaSync = Field(default_factory=QuotaSync)
    observed: Observed | None = None
    secret: SecretOf = Field(default_factory=SecretOf)
    pending: tuple[Pending, ...] = ()
    suspension_id: str | None = None
    left_behind: tuple[LeftBehind, ...] = ()
    created_at: str
    last_updated_at: str
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def personal_add_on(self) -> AddOnOf | None:
        """The add-on that carries what was ordered."""
        return next((one for one in self.add_ons if one.personal), None)


class RecordedMachine(StoredModel):
    """A machine of a suspension.

    `ran` where it was seen running, `before` its state as VMM has it, `started` once a resume is done with it.
    """

    id: str
    stamp_id: str
    name: str
    before: str
    ran: bool
    started: bool = False
    error: ProblemJson | None = None


class Suspension(StoredModel):
    """The record of a suspension: open from its first write until a resume has started all that ran."""

    id: str
    begun_at: str
    suspended_at: str | None = None
    closed_at: str | None = None
    by: str = ""
    reason: str | None = None
    operation: AfterSuspension
    machines: tuple[RecordedMachine, ...] = ()
