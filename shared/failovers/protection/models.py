"""The requests, answers and stored documents of protection policies."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from shared.errors import ProblemJson
from shared.failovers.policies import Policy
from shared.failovers.set_up.requests import CloudId, ProtectionOptions, some
from shared.failovers.vault.answers import Failure
from shared.failovers.vault.fields import refuse
from shared.failovers.vault.names import ProtectionReason, ProtectionState
from shared.moments import Moment
from shared.values.documents import Document, Request

MAX_PATTERNS = 50
_PATTERN = re.compile(r"[^\[\]/\\\x00-\x1f]{1,80}")


def _pattern(text: str) -> str:
    if _PATTERN.fullmatch(text) is None:
        raise refuse(
            f"'{text[:40]}' is not a pattern. Use 1 to 80 characters of a name, * for any characters, ? for one, no brackets or slashes"
        )
    return text


NamePattern = Annotated[str, AfterValidator(_pattern)]
Include = Annotated[tuple[NamePattern, ...], AfterValidator(some), Field(max_length=MAX_PATTERNS, json_schema_extra={"minItems": 1})]


class ProtectionPolicyRequest(Request):
    """A protection policy as requested: the cloud whose new machines are protected, which of them, and with which settings.

    `include` and `exclude` are patterns of names, `*` for any characters and `?` for one; an exclusion wins. `protection` has the
    fields of a machine of `POST /protected-items`, without those of a single machine.
    """

    cloud: CloudId
    include: Include = ("*",)
    exclude: Annotated[tuple[NamePattern, ...], Field(max_length=MAX_PATTERNS)] = ()
    protection: ProtectionOptions
    enabled: StrictBool = True


class PolicyMachine(Document):
    """A machine that a policy protects or could not protect yet. `operationId` is the latest attempt, null where it was refused at once."""

    machine: str
    name: str
    status: ProtectionState
    since: Moment
    attempts: int
    operation_id: str | None = None
    next_attempt_at: Moment | None = None
    error: Failure | None = None


class ProtectionPolicyBody(Document):
    """A protection policy. `protected` counts the machines that it protected; `machines` are those that are not protected yet."""

    name: str
    tenant: str
    vault_id: str
    cloud: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    protection: ProtectionOptions
    enabled: bool
    protected: int = Field(ge=0)
    failed: int = Field(ge=0)
    machines: tuple[PolicyMachine, ...] = ()


class PlannedMachine(Document):
    """The decision of a policy on a machine, with its reason."""

    machine: str
    name: str
    protects: bool
    reason: ProtectionReason
    message: str


class ProtectionPlan(Document):
    """The decisions of a policy on every machine of its cloud, by name; nothing is started. A disabled policy starts none."""

    policy: str
    enabled: bool
    generated_at: Moment
    to_protect: int = Field(ge=0)
    value: tuple[PlannedMachine, ...] = ()


class KeptPolicy(Policy):
    """A policy in storage; `changed_at` is the time of its last change.

    `everything` is true where its author reaches every tenant's resources: its protections may have any tenant's targets.
    """

    request: ProtectionPolicyRequest
    changed_at: Moment
    everything: bool = False


class KeptNote(Document):
    """The stored note on a machine of a cloud; `policy` is the name of the policy that protected it or tried to."""

    machine: str
    name: str
    state: ProtectionState
    since: Moment
    policy: str | None = None
    operation: str | None = None
    attempts: int = 0
    next_at: Moment | None = None
    error: ProblemJson | None = None
