"""Faults on demand (contracts/simulation.md): which request meets which, how often, and what is left of each.

`failJob` takes `task` (its id, name or friendly name; without it the longest), `code`, `message`, `possibleCauses`, `recommendedAction`, of
a plan's job `item` (part of the id of the member that fails), and `stateDescription`: `CompletedWithInformation` or `PartiallySucceeded`,
for a job that succeeds all the same. `unhealthy` takes `health` (`Warning`, or `Critical` by default); `path` is searched in the item's id;
it lasts until the fault is removed.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.simulation.arm.access import Principal
from local.simulation.arm.tables import Json
from local.simulation.compute.replication import Fate
from local.simulation.times import duration

#: What happens to a request, to the copy that it starts, to the job that it starts, and to the protected items that it matches.
ON_REQUESTS = frozenset({"throttle", "error", "errorAfterEffect", "lostResponse", "timeout", "lateEffect"})
ON_COPIES = frozenset({"failCopy", "stallCopy"})
ON_JOBS = frozenset({"failJob"})
ON_ITEMS = frozenset({"unhealthy"})
_KINDS = ON_REQUESTS | ON_COPIES | ON_JOBS | ON_ITEMS
_NUMBERS = {"status": (400, 599), "retryAfter": (0, 31_536_000), "diskIndex": (0, 63)}


@dataclass(slots=True)
class Fault:
    """One fault as it was given, and how it stands: `remaining` uses (None: no limit), `draws` of its chance so far."""

    definition: Json
    kind: str
    method: str | None
    path: re.Pattern[str]
    principal: str | None
    rate: float | None
    seed: str
    remaining: int | None
    draws: int = 0

    @staticmethod
    def read(body: Mapping[str, Any]) -> "Fault":
        """Read a fault; raises `ValueError` in words for one that nothing can be made of."""
        kind, match = body.get("fault"), body.get("match") or {}
        if kind not in _KINDS:
            raise ValueError(f"fault: '{kind}' is not one of {', '.join(sorted(_KINDS))}")
        if not isinstance(match, Mapping):
            raise ValueError("match: must be an object with method, path, principal")
        unknown = set(match) - {"method", "path", "principal"}
        if unknown:
            raise ValueError(f"match.{sorted(unknown)[0]}: unknown; match knows method, path, principal")
        rate = body.get("rate")
        if rate is not None and not 0 <= float(rate) <= 1:
            raise ValueError("rate: must lie between 0 and 1")
        times = body.get("times", 1 if rate is None else None)
        if times is not None and int(times) < 1:
            raise ValueError("times: must be at least 1")
        if "delay" in body:
            duration(str(body["delay"]))
        _check_numbers(body)
        try:
            path = re.compile(str(match.get("path", "")), re.IGNORECASE)
        except re.error as problem:
            raise ValueError(f"match.path: not a regular expression: {problem}") from None
        method = match.get("method")
        return Fault(
            definition=dict(body),
            kind=str(kind),
            method=None if method is None else str(method).upper(),
            path=path,
            principal=match.get("principal"),
            rate=None if rate is None else float(rate),
            seed=str(body.get("seed", 0)),
            remaining=None if times is None else int(times),
        )

    def as_json(self) -> Json:
        """Write it as it was given, with what is left of it."""
        return self.definition | {"remaining": self.remaining, "draws": self.draws}

    def meets(self, method: str, path: str, principal: Principal) -> bool:
        """Say whether a request is one that this fault is for, and it is not used up."""
        return (
            self.remaining != 0
            and self.method in (None, method)
            and (self.principal is None or self.principal.lower() in (principal.name.lower(), principal.id.lower()))
            and self.path.search(path) is not None
        )

    def fires(self) -> bool:
        """Say whether its next draw comes off: the nth draw of a seed is always the same."""
        return self.rate is None or random.Random(f"{self.seed}:{self.draws}").random() < self.rate  # noqa: S311  # not a secret

    def number(self, member: str, default: int) -> int:
        """Return a whole number of its definition."""
        return int(self.definition.get(member, default))

    @property
    def delay(self) -> timedelta:
        """How long a late effect takes; a minute unless it says."""
        return duration(str(self.definition.get("delay", "PT1M")))


def _check_numbers(body: Mapping[str, Any]) -> None:
    for member, (least, most) in _NUMBERS.items():
        value = body.get(member, least)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"{member}: must be a number from {least} to {most}")


@dataclass(frozen=True, slots=True)
class Pick:
    """What a request meets, not used up yet: `drawn` are the faults whose chance was asked, `fault` the one that came off."""

    fault: Fault | None = None
    drawn: tuple[Fault, ...] = ()

    def spend(self) -> None:
        """Use it up."""
        for each in self.drawn:
            each.draws += 1
        if self.fault is not None and self.fault.remaining is not None:
            self.fault.remaining -= 1

    def fate(self) -> Fate | None:
        """Return what it does to a copy."""
        return None if self.fault is None else Fate(self.fault.kind, self.fault.number("diskIndex", 0))


class Faults:
    """The list of faults: the first that is for a request, and comes off, is the one that it meets."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def pick(self, kinds: frozenset[str], method: str, path: str, principal: Principal) -> Pick:
        """Return what a request meets among faults of these kinds."""
        drawn = []
        for fault in self.all:
            if fault.kind not in kinds or not fault.meets(method, path, principal):
                continue
            if fault.rate is not None:
                drawn.append(fault)
            if fault.fires():
                return Pick(fault, tuple(drawn))
        return Pick(None, tuple(drawn))

    def restore(self, bodies: list[Json]) -> None:
        """Take over what `as_json` wrote."""
        self.all = []
        for body in bodies:
            fault = Fault.read({member: value for member, value in body.items() if member not in ("remaining", "draws")})
            fault.remaining, fault.draws = body["remaining"], int(body["draws"])
            self.all.append(fault)
