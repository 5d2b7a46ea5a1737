"""The models of what is answered about data centers and one-time links."""

from pydantic import Field

from shared.data_centers.records.record import DataCenterState, SecretState
from shared.errors import ProblemJson
from shared.installations.document import AfterSuspension
from shared.installations.resources import Resource
from shared.values.documents import Document, PartialDocument
from shared.web.operations import AttentionBody


class PlanBody(Document):
    """A plan of Azure Pack."""

    id: str
    display_name: str


class UserBody(Document):
    """The user of a data center."""

    name: str
    email: str
    created_by_us: bool


class AddOnBody(Document):
    """An add-on of a data center; the personal one carries what was ordered."""

    id: str
    display_name: str
    personal: bool


class QuotaSyncBody(Document):
    """Whether Azure Pack's resource providers have the quota."""

    state: str
    since: str | None
    message: str | None


class ObservedBody(Document):
    """What was last seen at Azure Pack; null where it did not answer."""

    at: str
    subscription_state: str
    activation_sync: str
    drift: tuple[str, ...]


class SecretBody(Document):
    """What became of the user's password."""

    state: SecretState
    expires_at: str | None


class PendingBody(Document):
    """An operation on the data center that has not ended; the first is at work."""

    operation_id: str
    action: str
    status: str
    step: str


class SuspendedMachine(Document):
    """A machine of a suspension; `error` is why it could not be stopped or started."""

    id: str
    stamp_id: str
    name: str
    ran: bool = Field(description="Whether it was seen running, and will be started.")
    before: str = Field(description="Its state before the suspension, as VMM has it.")
    now: str = Field(description="started, waits or left")
    error: ProblemJson | None


class SuspensionBody(PartialDocument):
    """The open suspension: which machines ran, and will be started."""

    id: str
    begun_at: str
    suspended_at: str | None
    by: str | None = Field(None, description="Only for `Admin`.")
    reason: str | None
    operation: AfterSuspension
    machines: tuple[SuspendedMachine, ...]
    more: int = Field(description="How many machines are left out.")


class LeftBehind(Document):
    """What could not be undone."""

    kind: str
    id: str
    reason: str


class UsedResource(Document):
    """What is used of a limit; a limit of null is unlimited."""

    resource: Resource
    used: int
    limit: int | None


class DataCenterBody(PartialDocument):
    """A virtual data center: one Azure Pack subscription with one personal add-on."""

    id: str
    tenant: str
    name: str
    installation: str
    portal_url: str | None
    state: DataCenterState
    attempt: int
    plan: PlanBody | None
    subscription_id: str | None
    user: UserBody | None
    resources: dict[str, int]
    wanted: dict[str, int] | None
    add_ons: tuple[AddOnBody, ...]
    operation_after_suspension: AfterSuspension | None
    start_on_resume: bool | None
    quota_sync: QuotaSyncBody
    observed: ObservedBody | None
    secret: SecretBody
    pending: tuple[PendingBody, ...]
    suspension: SuspensionBody | None
    left_behind: tuple[LeftBehind, ...] = Field((), description="What could not be undone; only for `Admin`.")
    attention: AttentionBody | None
    usage: tuple[UsedResource, ...] | None = None
    created_at: str
    last_updated_at: str
    tags: dict[str, str]


class OrderCheck(Document):
    """One check of a dry run."""

    name: str
    result: str
    message: str


class OrderChecks(Document):
    """What an order would meet."""

    checks: tuple[OrderCheck, ...]


class OneTimeSecret(Document):
    """What a one-time link opens, once."""

    user_name: str | None
    password: str
    portal_url: str | None
