"""Jobs of VMM."""

from typing import Final
from uuid import UUID

from pydantic import Field

from shared.azure_pack.errors import AzurePackError, ErrorKind
from shared.azure_pack.odata.literals import Key
from shared.azure_pack.wire.model import Model, Moment

_GOOD: Final = frozenset({"completed", "succeedwithinfo"})
_BAD: Final = frozenset({"failed", "canceled", "invalid"})


class ErrorInfo(Model):
    """Why a job failed, as VMM reports it."""

    code: str | None = None
    detailed_error_code: str | None = None
    problem: str | None = None
    recommended_action: str | None = None
    is_success: bool | None = None


class Job(Model):
    """A job. One that a server does not show yet has no status."""

    id: UUID = Field(alias="ID")
    stamp: UUID = Field(alias="StampId")
    name: str | None = None
    status: str | None = None
    is_completed: bool | None = None
    progress_value: int | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    result_object: UUID | None = Field(default=None, alias="ResultObjectID")
    error_info: ErrorInfo | None = None

    @property
    def key(self) -> Key:
        """The key."""
        return Key(self.id, self.stamp)

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        return max(0, min(100, self.progress_value or 0))

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return bool(self.is_completed) or self._status in _GOOD | _BAD or self.progress_value == 100

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well: by its status, or, where that is not a known one, by its error's `IsSuccess`."""
        if not self.done or self._status in _BAD:
            return False
        return self._status in _GOOD or self.error_info is None or self.error_info.is_success is not False

    @property
    def error(self) -> AzurePackError | None:
        """The error of a job that has failed, else None."""
        if not self.done or self.succeeded:
            return None
        info = self.error_info or ErrorInfo()
        return AzurePackError(
            ErrorKind.JOB_FAILED,
            info.code or info.detailed_error_code or "JobFailed",
            info.problem or f"The job {self.name or self.id} ended as {self.status or 'failed'}, without a reason.",
            recommended_action=info.recommended_action,
            job=self.id,
        )

    @property
    def _status(self) -> str:
        return (self.status or "").lower()
