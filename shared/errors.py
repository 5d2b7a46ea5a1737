"""The refusals of Farshore: what was wrong with a request, and what to send instead.

The shape is that of the Azure REST API guidelines: code, message, target, details. The HTTP status of a code is
decided in `shared.web.answers`, so that the core and the capabilities know nothing of HTTP.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer


class ErrorCode(StrEnum):
    """Every code that an answer, a failed operation or a rejected message can carry of its own."""

    # what the caller sent
    INVALID_REQUEST = "InvalidRequest"
    UNREADABLE_MESSAGE = "UnreadableMessage"
    SECRET_IN_MESSAGE = "SecretInMessage"  # noqa: S105  # a code
    PRECONDITION_FAILED = "PreconditionFailed"
    PRECONDITION_REQUIRED = "PreconditionRequired"
    LENGTH_REQUIRED = "LengthRequired"
    PAYLOAD_TOO_LARGE = "PayloadTooLarge"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    SAME_REGION = "SameRegion"
    UNKNOWN_REGION = "UnknownRegion"
    # who called
    UNAUTHENTICATED = "Unauthenticated"
    MISSING_ROLE = "MissingRole"
    NOT_FOUND = "NotFound"
    # what is in the way
    REPEATABILITY_KEY_REUSED = "RepeatabilityKeyReused"
    SOURCE_NOT_FOUND = "SourceNotFound"
    COPY_NOT_SUPPORTED = "CopyNotSupported"
    RESTORE_POINT_ALREADY_COPIED = "RestorePointAlreadyCopied"
    CHAIN_MOVED_ON = "ChainMovedOn"
    ALREADY_STARTED = "AlreadyStarted"
    ALREADY_ENDED = "AlreadyEnded"
    NOT_FAILED = "NotFailed"
    SCOPE_BUSY = "ScopeBusy"
    ALREADY_REPLAYED = "AlreadyReplayed"
    NOT_REPLAYABLE = "NotReplayable"
    NOT_OFFERED = "NotOffered"
    AMBIGUOUS_NAME = "AmbiguousName"
    SECRET_GONE = "SecretGone"  # noqa: S105  # a code
    TOO_MANY_REQUESTS = "TooManyRequests"
    ACTION_NOT_ALLOWED = "ActionNotAllowed"
    CHECKS_FAILED = "ChecksFailed"
    PLAN_CHANGED = "PlanChanged"
    NOT_AWAITING_APPROVAL = "NotAwaitingApproval"
    OWN_APPROVAL = "OwnApproval"
    PERSON_REQUIRED = "PersonRequired"
    NOT_SUSPENDED = "NotSuspended"
    NOT_IN_DOUBT = "NotInDoubt"
    ALREADY_MAPPED = "AlreadyMapped"
    JUST_RELEASED = "JustReleased"
    PROVIDER_EXISTS = "ProviderExists"
    PROVIDER_CANNOT_BE_DELETED = "ProviderCannotBeDeleted"
    KIND_FIXED = "KindFixed"
    TENANT_BUSY = "TenantBusy"
    NAME_TAKEN = "NameTaken"
    NAME_USED_BEFORE = "NameUsedBefore"
    PLAN_IN_USE = "PlanInUse"
    CLOUD_IN_USE = "CloudInUse"
    # machines of a tenant
    NOT_SUPPORTED_BY_BACKEND = "NotSupportedByBackend"
    GENERALIZED = "Generalized"
    NOT_RUNNING = "NotRunning"
    NOT_STOPPED = "NotStopped"
    DISK_ACCESS_ACTIVE = "DiskAccessActive"
    NOT_READY = "NotReady"
    DISK_IN_USE = "DiskInUse"
    DISK_NOT_EXPORTABLE = "DiskNotExportable"
    NEEDS_INTERRUPTION = "NeedsInterruption"
    NEEDS_DEALLOCATION = "NeedsDeallocation"
    NEEDS_DETACH = "NeedsDetach"
    LUN_TAKEN = "LunTaken"
    TOO_MANY_DISKS = "TooManyDisks"
    PORT_TAKEN = "PortTaken"
    NOT_OURS = "NotOurs"
    MANAGED_ELSEWHERE = "ManagedElsewhere"
    CAPTURE_NOT_SUPPORTED = "CaptureNotSupported"
    DEPLOYMENT_DIFFERS = "DeploymentDiffers"
    DEPLOYMENT_FULL = "DeploymentFull"
    SLOT_TAKEN = "SlotTaken"
    IMAGE_NEEDS_PLAN = "ImageNeedsPlan"
    NO_NETWORK = "NoNetwork"
    QUOTA_EXCEEDED = "QuotaExceeded"
    CAPACITY_UNAVAILABLE = "CapacityUnavailable"
    AZURE_QUOTA_EXCEEDED = "AzureQuotaExceeded"
    RESOURCE_LOCKED = "ResourceLocked"
    POLICY_REFUSED = "PolicyRefused"
    SUBSCRIPTION_DISABLED = "SubscriptionDisabled"
    PROVISIONING_FAILED = "ProvisioningFailed"
    NOT_TIDIED = "NotTidied"
    # installations and data centers of Azure Pack
    INSTALLATION_IN_USE = "InstallationInUse"
    PLAN_NOT_SUITABLE = "PlanNotSuitable"
    BELOW_PLAN = "BelowPlan"
    BELOW_USAGE = "BelowUsage"
    RESOURCE_NOT_SUPPORTED = "ResourceNotSupported"
    MAX_SUBSCRIPTIONS_REACHED = "MaxSubscriptionsReached"
    USER_EXISTS = "UserExists"
    USER_NOT_AVAILABLE = "UserNotAvailable"
    DATA_CENTER_EXISTS = "DataCenterExists"
    DATA_CENTER_DELETED = "DataCenterDeleted"
    DATA_CENTER_GONE = "DataCenterGone"
    DATA_CENTER_SUSPENDED = "DataCenterSuspended"
    TOO_MANY_PENDING = "TooManyPending"
    MACHINES_EXIST = "MachinesExist"
    MACHINES_NOT_STOPPED = "MachinesNotStopped"
    MACHINES_NOT_STARTED = "MachinesNotStarted"
    ACTIVATION_STUCK = "ActivationStuck"
    QUOTA_OUT_OF_SYNC = "QuotaOutOfSync"
    COMPENSATION_INCOMPLETE = "CompensationIncomplete"
    DELETION_STUCK = "DeletionStuck"
    SIGN_IN_FAILED = "SignInFailed"
    AZURE_PACK_REFUSED = "AzurePackRefused"
    AZURE_PACK_FORBIDDEN = "AzurePackForbidden"
    AZURE_PACK_UNREACHABLE = "AzurePackUnreachable"
    # tenants on Azure Pack
    UNKNOWN_ENDPOINT = "UnknownEndpoint"
    SUBSCRIPTION_NOT_AVAILABLE = "SubscriptionNotAvailable"
    NETWORK_WITHOUT_GATEWAY = "NetworkWithoutGateway"
    BELONGS_TO_VM_ROLE = "BelongsToVmRole"
    TOO_MANY_POLICIES = "TooManyPolicies"
    NOT_COVERED = "NotCovered"
    # deletions of copies
    NOT_FINISHED = "NotFinished"
    LAST_USABLE_COPY = "LastUsableCopy"
    CHAIN_NEEDS_IT = "ChainNeedsIt"
    NO_LONGER_DUE = "NoLongerDue"
    RETENTION_OFF = "RetentionOff"
    # restores
    COPY_NOT_USABLE = "CopyNotUsable"
    COPY_GONE = "CopyGone"
    RESTORE_NOT_SUPPORTED = "RestoreNotSupported"
    SIZE_NOT_AVAILABLE = "SizeNotAvailable"
    NETWORK_NOT_ISOLATED = "NetworkNotIsolated"
    NOT_A_DRILL = "NotADrill"
    MACHINES_NOT_READY = "MachinesNotReady"
    PARTIALLY_RESTORED = "PartiallyRestored"
    CLEAN_UP_BLOCKED = "CleanUpBlocked"
    # how an operation ended, or why it waits
    OWNER_CHANGED = "OwnerChanged"
    SECRET_NOT_READABLE = "SecretNotReadable"  # noqa: S105  # a code
    APPROVAL_LAPSED = "ApprovalLapsed"
    REJECTED = "Rejected"
    FAILOVER_FAILED = "FailoverFailed"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    JOB_CANCELLED = "JobCancelled"
    COMMIT_WINDOW_OVER = "CommitWindowOver"
    SET_UP_FAILED = "SetUpFailed"
    DRILL_SKIPPED = "DrillSkipped"
    COPY_FAILED = "CopyFailed"
    AZURE_REFUSED = "AzureRefused"
    AUTHORIZATION_FAILED = "AuthorizationFailed"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    NO_PROGRESS = "NoProgress"
    COPY_STUCK = "CopyStuck"
    SUPERSEDED = "Superseded"
    ABANDONED = "Abandoned"
    SLOT_SKIPPED = "SlotSkipped"
    SLOT_PASSED = "SlotPassed"
    POLICY_DELETED = "PolicyDeleted"
    # a fault of Farshore
    INTERNAL_ERROR = "InternalError"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a code, a sentence for a person, and the field or thing it is about."""

    code: str
    message: str
    target: str | None = None
    details: tuple["Problem", ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the error object of the Azure REST API guidelines, always whole: without a target it is null, `details` may be empty."""
        details = [detail.as_json() for detail in self.details]
        return {"code": str(self.code), "message": self.message, "target": self.target, "details": details}

    @staticmethod
    def from_json(body: Mapping[str, object]) -> "Problem":
        """Read what `as_json` wrote; what is missing or of another type is read as empty."""
        details = body.get("details")
        return Problem(
            code=str(body.get("code", ErrorCode.INTERNAL_ERROR)),
            message=str(body.get("message", "")),
            target=str(body["target"]) if body.get("target") is not None else None,
            details=tuple(Problem.from_json(item) for item in details if isinstance(item, Mapping))
            if isinstance(details, Sequence)
            else (),
        )


def _problem_of(value: object) -> object:
    return Problem.from_json(value) if isinstance(value, Mapping) else value


ProblemJson = Annotated[Problem, BeforeValidator(_problem_of), PlainSerializer(Problem.as_json, return_type=dict[str, Any])]
"""A problem as a field of a document: the error object of the Azure REST API guidelines."""


class Refused(Exception):  # noqa: N818  # a refusal is an answer, not a defect
    """The request cannot be carried out, and nothing was begun.

    `retry_after` is in wall-clock seconds; `beside` are further members of the answer, next to the error. With `may_pass` a message is
    delivered again instead of rejected, until its fifth delivery: the refusal rests on what is there at this moment, as Azure shows it
    (docs/azure/resource-manager.md) or as other messages have left it.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        target: str | None = None,
        details: Sequence[Problem] = (),
        retry_after: float | None = None,
        beside: Mapping[str, object] | None = None,
        may_pass: bool = False,
    ) -> None:
        super().__init__(message)
        self.beside = dict(beside or {})
        self.problem = Problem(code, message, target, tuple(details))
        self.code = code
        self.retry_after = retry_after
        self.may_pass = may_pass or code in _PASSING


_PASSING = frozenset({ErrorCode.TOO_MANY_REQUESTS, ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.SOURCE_NOT_FOUND})
"""The codes of refusals that may pass, whatever they rest on."""


@contextmanager
def as_seen_in_azure() -> Iterator[None]:
    """Mark refusals that are raised inside as resting on what Azure shows now; a region that is the source's own stays so."""
    try:
        yield
    except Refused as refused:
        refused.may_pass = refused.code is not ErrorCode.SAME_REGION
        raise


def refusal_of(problem: Problem) -> Refused:
    """Return a problem as a refusal, its messages as sentences; its code must be one of `ErrorCode`."""
    details = tuple(replace(detail, message=sentence(detail.message)) for detail in problem.details)
    return Refused(ErrorCode(problem.code), sentence(problem.message), target=problem.target, details=details)


class FailureKind(StrEnum):
    """What a failed call means for the other side."""

    THROTTLED = "throttled"
    """Refused for its rate: nothing began, ask again later."""
    REFUSED = "refused"
    """A definite no: nothing began."""
    NOT_FOUND = "notFound"
    """The thing is not there: nothing began."""
    IN_DOUBT = "inDoubt"
    """No answer, or an unclear one: a write may have taken effect or may yet do so."""


class CallFailure(Exception):  # noqa: N818  # an answer of the other side, not a defect
    """A call to Azure, or to Azure Pack, that did not succeed.

    `status` is the HTTP status or None when no answer came; `code`, `message`, `target` and `details` are the other side's own, or
    Farshore's where it gave none; `retry_after` is in seconds of Azure's time; `date` is the answer's `Date`, Azure's time at receipt;
    `busy` is true where another operation works on the same resource: nothing began, and it is sent again for a limited time.
    """

    def __init__(
        self,
        kind: FailureKind,
        *,
        code: str,
        message: str,
        status: int | None = None,
        target: str | None = None,
        details: Sequence[Problem] = (),
        retry_after: float | None = None,
        date: datetime | None = None,
        busy: bool = False,
    ) -> None:
        super().__init__(f"{code}: {message}" if status is None else f"{status} {code}: {message}")
        self.busy = busy
        self.kind = kind
        self.problem = Problem(code, message, target, tuple(details))
        self.status = status
        self.retry_after = retry_after
        self.date = date

    @property
    def code(self) -> str:
        """The error code."""
        return self.problem.code

    @property
    def message(self) -> str:
        """The error message."""
        return self.problem.message

    @property
    def definite(self) -> bool:
        """Whether it is certain that nothing began."""
        return self.kind is not FailureKind.IN_DOUBT

    @property
    def is_refusal(self) -> bool:
        """Whether it is a definite no: nothing began, and the same call again gets the same answer."""
        return self.kind not in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}

    @property
    def not_reached(self) -> bool:
        """Whether the call never reached Azure, or was refused for its access token: nothing began, and waiting alone does not mend it."""
        return self.kind is FailureKind.THROTTLED and self.status in {None, 401}

    @property
    def asks_to_wait(self) -> bool:
        """Whether Azure asks to be called later, without a limit on how often; anything else counts as an attempt."""
        return self.kind is FailureKind.THROTTLED and not self.busy and not self.not_reached

    def waiting(self, retry_after: float) -> "CallFailure":
        """Return a busy failure as one to wait for, with the time in seconds after which to send again."""
        return self._as(FailureKind.THROTTLED, retry_after)

    def refused(self) -> "CallFailure":
        """Return a busy failure as a final refusal."""
        return self._as(FailureKind.REFUSED, self.retry_after)

    def _as(self, kind: FailureKind, retry_after: float | None) -> "CallFailure":
        problem = self.problem
        return CallFailure(
            kind,
            code=problem.code,
            message=problem.message,
            status=self.status,
            target=problem.target,
            details=problem.details,
            retry_after=retry_after,
            date=self.date,
        )


def sentence(text: str) -> str:
    """Return a text as a sentence: a capital first, a full stop at its end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


_RIGHTS = frozenset({"authorizationfailed", "linkedauthorizationfailed"})
_POLICY = "requestdisallowedbypolicy"


def azure_code(failure: CallFailure) -> ErrorCode:
    """Return the error code to report for a call that Azure refused: AuthorizationFailed for a missing right, else AzureRefused.

    Any 403 is a missing right, but for that of an Azure Policy, which no role assignment changes.
    """
    code = failure.code.lower()
    lacks_right = code in _RIGHTS or (failure.status == 403 and code != _POLICY)
    return ErrorCode.AUTHORIZATION_FAILED if lacks_right else ErrorCode.AZURE_REFUSED
