"""What happens to a machine, a disk or an image over a time of Azure's: how long it takes, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.times import from_text, moment, text_or_none, to_text

#: Of a machine's activity: the provisioning state and the power state that are shown while it runs.
CREATING, UPDATING, DELETING = "create", "update", "delete"
START, POWER_OFF, DEALLOCATE, RESTART, IMAGE = "start", "powerOff", "deallocate", "restart", "image"
_PROVISIONING = {CREATING: "Creating", DELETING: "Deleting"}
_POWER = {START: "starting", POWER_OFF: "stopping", DEALLOCATE: "deallocating"}


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity: it ends at `ends_at`, with `error` (code and message) where it fails; `recovers_at`: a failed one is well from then on.

    `runs_at` is when a machine that is created begins to run; None: it never does.
    """

    kind: str
    began_at: datetime
    ends_at: datetime
    error: Mapping[str, str] | None = None
    runs_at: datetime | None = None
    recovers_at: datetime | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Activity":
        """Read an activity of the estate."""
        return Activity(
            kind=str(body["kind"]),
            began_at=from_text(str(body["beganAt"])),
            ends_at=from_text(str(body["endsAt"])),
            error=body.get("error"),
            runs_at=moment(body, "runsAt"),
            recovers_at=moment(body, "recoversAt"),
        )

    def as_json(self) -> Json:
        """Write an activity as the estate has it."""
        optional = {
            "error": None if self.error is None else dict(self.error),
            "runsAt": text_or_none(self.runs_at),
            "recoversAt": text_or_none(self.recovers_at),
        }
        body: Json = {"kind": self.kind, "beganAt": to_text(self.began_at), "endsAt": to_text(self.ends_at)}
        return body | {member: value for member, value in optional.items() if value is not None}

    def running(self, now: datetime) -> bool:
        """Return whether it has not ended."""
        return now < self.ends_at

    def failure(self, now: datetime) -> Mapping[str, str] | None:
        """Return the error that it shows now: only after its end, and until it recovers."""
        if self.running(now) or (self.recovers_at is not None and now >= self.recovers_at):
            return None
        return self.error

    def provisioning_state(self, now: datetime) -> str:
        """Return the provisioning state of what it happens to."""
        if self.running(now):
            return _PROVISIONING.get(self.kind, "Updating")
        return "Succeeded" if self.failure(now) is None else "Failed"

    def power_state(self, before: str, after: str, now: datetime) -> str | None:
        """Return the power state of a machine that had `before` and is to have `after`; None: none is shown."""
        if self.kind == CREATING:
            return after if self.runs_at is not None and now >= self.runs_at else None
        if self.running(now):
            return _POWER.get(self.kind, before)
        return before if self.error is not None else after

    def changed_at(self, now: datetime) -> datetime:
        """Return the time that the provisioning status carries."""
        if self.running(now):
            return self.began_at
        return self.ends_at if self.recovers_at is None or now < self.recovers_at else self.recovers_at
