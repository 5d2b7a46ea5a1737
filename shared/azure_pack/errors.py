"""The exceptions of the library: one for calls, one for publishsettings files (docs/azure/azure-pack.md, "Errors")."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ErrorKind(StrEnum):
    """What became of a call, as its caller decides by it."""

    UNREACHABLE = "unreachable"
    """The request never left."""
    NO_ANSWER = "noAnswer"
    """The request was sent; the connection ended, or the time ran out, before an answer."""
    SIGN_IN = "signIn"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "notFound"
    CONFLICT = "conflict"
    INVALID = "invalid"
    THROTTLED = "throttled"
    SERVER = "server"
    UNREADABLE = "unreadable"
    """There was an answer that this library cannot read."""
    JOB_FAILED = "jobFailed"


class Cause(StrEnum):
    """Why, where the library knows more than the kind; its value is the error's code."""

    NAME = "Name"
    CONNECTION = "Connection"
    TLS_UNTRUSTED = "TlsUntrusted"
    TLS_HOST_NAME = "TlsHostName"
    TLS_EXPIRED = "TlsExpired"
    TLS_PROTOCOL = "TlsProtocol"
    CLIENT_CERTIFICATE_EXPIRED = "ClientCertificateExpired"
    CLIENT_CERTIFICATE_REJECTED = "ClientCertificateRejected"
    TOKEN_REFUSED = "TokenRefused"  # noqa: S105  # a name, not a secret
    LOGIN_PAGE = "LoginPage"
    CREDENTIALS = "Credentials"
    PATH = "Path"
    OTHER_OWNER = "OtherOwner"
    PROXY = "Proxy"


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One detail of an error, as Azure Pack wrote it."""

    code: str
    message: str


class AzurePackError(Exception):
    """A call to Azure Pack that did not succeed.

    `message` is one sentence for a person. `code` is the cause where there is one (the service's own is then in `details`), else the
    service's own. `sent` is False only where the request certainly never left: name, connection, TLS handshake, proxy, sign-in, expired
    certificate. `job` is the id of the VMM job that failed, `date` the time in the answer's `Date` header, `retry_after` the seconds of its
    `Retry-After`.
    """

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        message: str,
        *,
        recommended_action: str | None = None,
        status: int | None = None,
        cause: Cause | None = None,
        details: tuple[ErrorDetail, ...] = (),
        request_id: str | None = None,
        job: UUID | None = None,
        retry_after: float | None = None,
        date: datetime | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.recommended_action = recommended_action
        self.status = status
        self.cause = cause
        self.details = details
        self.request_id = request_id
        self.job = job
        self.retry_after = retry_after
        self.date = date
        self.sent = sent

    def __repr__(self) -> str:
        return f"AzurePackError(kind={self.kind!s}, code={self.code!r}, cause={self.cause!s}, status={self.status}, sent={self.sent})"


class PublishSettingsError(ValueError):
    """A publishsettings file that cannot be used: `code` names the rule, `path` the place in the file."""

    def __init__(self, code: str, path: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.path = path
        self.message = message


def unreachable(cause: Cause, message: str) -> AzurePackError:
    """Return the error of a request that never left."""
    return AzurePackError(ErrorKind.UNREACHABLE, str(cause), message, cause=cause, sent=False)


def unreadable(message: str, *, status: int | None = None, request_id: str | None = None) -> AzurePackError:
    """Return the error of an answer that cannot be read."""
    return AzurePackError(ErrorKind.UNREADABLE, "Unreadable", message, status=status, request_id=request_id)


def other_owner(subscription: UUID) -> AzurePackError:
    """Return the error of an answer that has a machine which is not known to be of the subscription; it names nothing of the machine."""
    message = (
        f"The administrator's VMM service shows a machine that has no owner, or another than the subscription {subscription}: it may not "
        "filter by Owner/RoleID. Set machines.via of the installation to another way."
    )
    return AzurePackError(ErrorKind.FORBIDDEN, str(Cause.OTHER_OWNER), message, cause=Cause.OTHER_OWNER)


_IN_DOUBT = frozenset({ErrorKind.NO_ANSWER, ErrorKind.SERVER, ErrorKind.UNREADABLE, ErrorKind.THROTTLED, ErrorKind.NOT_FOUND})


def not_sent(error: AzurePackError) -> AzurePackError:
    """Return a sign-in's error as that of the call which waited for it: the call never left, so it is in no doubt."""
    return AzurePackError(
        ErrorKind.UNREACHABLE if error.kind in _IN_DOUBT else error.kind,
        error.code,
        error.message,
        recommended_action=error.recommended_action,
        status=error.status,
        cause=error.cause,
        details=error.details,
        request_id=error.request_id,
        retry_after=error.retry_after,
        date=error.date,
        sent=False,
    )
