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
    """Why, where the library knows more than the kind."""

    NAME = "name"
    CONNECTION = "connection"
    TLS_UNTRUSTED = "tlsUntrusted"
    TLS_HOST_NAME = "tlsHostName"
    TLS_EXPIRED = "tlsExpired"
    TLS_PROTOCOL = "tlsProtocol"
    CLIENT_CERTIFICATE_EXPIRED = "clientCertificateExpired"
    CLIENT_CERTIFICATE_REJECTED = "clientCertificateRejected"
    TOKEN_REFUSED = "tokenRefused"  # noqa: S105  # a name, not a secret
    LOGIN_PAGE = "loginPage"
    CREDENTIALS = "credentials"
    PATH = "path"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One detail of an error, as Azure Pack wrote it."""

    code: str
    message: str


class AzurePackError(Exception):
    """A call to Azure Pack that did not succeed.

    `message` is one sentence for a person. `code` is Azure Pack's own where it sent one, else the cause or kind. `sent` is False only where
    the request certainly never left: name, connection, TLS handshake, proxy, sign-in, expired certificate. `job` is the id of the VMM job
    that failed, `date` the time in the answer's `Date` header, `retry_after` the seconds of its `Retry-After`.
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
