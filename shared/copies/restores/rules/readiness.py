"""How far a machine is, read from its document with `$expand=instanceView`."""

from dataclasses import dataclass

from shared.arm.failures import refusal_problem
from shared.errors import ErrorCode, Problem
from shared.values.reading import Json, an_object, objects, text

_POWER, _PROVISIONING = "powerstate/", "provisioningstate/"


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine as Azure shows it: the suffixes of its power state and of its agent's state, and why its provisioning has failed."""

    provisioned: bool
    power: str | None
    agent: str | None
    failure: Problem | None


def read_view(body: Json) -> MachineView:
    """Read a machine; an unrecognised state counts as not finished."""
    properties = an_object(body, "properties")
    view, state = an_object(properties, "instanceView"), (text(properties, "provisioningState") or "").lower()
    statuses = objects(view, "statuses")
    agent = _suffix(objects(an_object(view, "vmAgent"), "statuses"), _PROVISIONING)
    failure = _failure(statuses) if state == "failed" else None
    return MachineView(state == "succeeded", _suffix(statuses, _POWER), agent, failure)


def _failure(statuses: list[Json]) -> Problem:
    """Return the error of a failed provisioning: the last part of its status code, and its message."""
    for status in statuses:
        code = text(status, "code") or ""
        if code.lower().startswith(f"{_PROVISIONING}failed"):
            found = code.split("/", 2)[2:] or [ErrorCode.PROVISIONING_FAILED]
            return refusal_problem(Problem(found[0], text(status, "message") or "The provisioning has failed."))
    return Problem(ErrorCode.PROVISIONING_FAILED, "The provisioning of the machine has failed, and Azure gives no reason.")


def _suffix(statuses: list[Json], prefix: str) -> str | None:
    codes = [code for status in statuses if (code := text(status, "code")) is not None and code.lower().startswith(prefix)]
    return codes[0][len(prefix) :] if codes else None
