"""Faults on demand: which request meets which, how often, and what is left of each (docs/design/simulation.md, "Faults").

`failJob` takes `task` (its id, name or friendly name; without it the longest), `code`, `message`, `possibleCauses`, `recommendedAction`, of
a plan's job `item` (part of the id of the member that fails), and `stateDescription`: `CompletedWithInformation` or `PartiallySucceeded`,
for a job that succeeds all the same. `unhealthy` takes `health` (`Warning`, or `Critical` by default); `path` is searched in the item's id;
it lasts until the fault is removed.
"""

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.access import Principal
from local.simulation.arm.tables import Json
from local.simulation.compute.replication import Fate
from local.simulation.faults.odd import KINDS as ODD_KINDS
from local.simulation.times import duration, from_text, text_or_none

#: What a fault acts on: a request, its answer, the restore point or the job that it begins, the protected items that it matches.
ON_REQUESTS = frozenset({"throttle", "error", "errorAfterEffect", "lostResponse", "timeout", "lateEffect", "reshape", "expireToken"})
ON_READS = frozenset({"hide"})
ON_ANSWERS = frozenset({"odd"})
ON_COPIES = frozenset({"failCopy", "stallCopy"})
ON_POINTS = ON_COPIES | {"failRestorePoint"}
ON_JOBS = frozenset({"failJob"})
ON_JOB_READS = frozenset({"hideJob"})
ON_ITEMS = frozenset({"unhealthy"})
ON_RESOURCES = frozenset({"failMachine", "stallMachine", "failBoot", "failDisk", "graphLag", "graphPartial"})
ON_SECRETS = frozenset({"secretsDown"})
ON_PACK_REQUESTS = frozenset({"loginPage", "tokenRefused"})
ON_PACK_WORK = frozenset({"failVmmJob", "stallVmmJob", "lateJob", "slowSync", "outOfSync", "stuckDeletion"})
RESOURCE_MANAGER = "resourceManager"
_KINDS = frozenset().union(
    ON_REQUESTS, ON_READS, ON_ANSWERS, ON_POINTS, ON_JOBS, ON_JOB_READS, ON_ITEMS, ON_RESOURCES, ON_SECRETS, ON_PACK_REQUESTS, ON_PACK_WORK
)
_MATCH = ("method", "path", "query", "principal", "service")
#: What an operation on a machine, a disk, or Resource Graph is named by in `at`, and which of them a fault meets without it.
_PLACES = {
    "failMachine": ("create", "start", "deallocate", "delete", "image"),
    "stallMachine": ("create", "start", "deallocate", "delete", "image"),
    "failBoot": ("create",),
    "failDisk": ("disk",),
    "graphLag": ("graph",),
    "graphPartial": ("graph",),
}
_NUMBERS = {"status": (200, 599), "seconds": (0, 31_536_000), "retryAfter": (0, 31_536_000), "diskIndex": (0, 63)}
_TEXTS = ("code", "message")
_DURATIONS = ("delay", "duration", "after", "recoversAfter")
#: Members of the stored form that are not part of the definition.
_PROGRESS = ("remaining", "draws", "began", "tokens")


@dataclass(slots=True)
class Fault:
    """One fault and its progress: `remaining` uses (None: no limit), `draws` of its chance, `began` at its first use.

    `tokens` are the digests of the access tokens that `expireToken` has made invalid.
    """

    definition: Json
    kind: str
    method: str | None
    path: re.Pattern[str]
    query: re.Pattern[str] | None
    principal: str | None
    service: str | None
    rate: float | None
    seed: str
    lasts: timedelta | None
    remaining: int | None
    draws: int = 0
    began: datetime | None = None
    tokens: set[str] = field(default_factory=set)

    @staticmethod
    def read(body: Mapping[str, Any]) -> "Fault":
        """Read a definition; raises `ValueError` with the member and the reason."""
        kind, match = body.get("fault"), body.get("match") or {}
        if kind not in _KINDS:
            raise ValueError(f"fault: '{kind}' is not one of {', '.join(sorted(_KINDS))}")
        if not isinstance(match, Mapping):
            raise ValueError(f"match: must be an object with {', '.join(_MATCH)}")
        unknown = set(match) - set(_MATCH)
        if unknown:
            raise ValueError(f"match.{sorted(unknown)[0]}: unknown member; known are {', '.join(_MATCH)}")
        _check_values(body)
        if body.get("at", _PLACES.get(str(kind), ("",))[0]) not in _PLACES.get(str(kind), (body.get("at", ""),)):
            raise ValueError(f"at: '{body['at']}' is not one of {', '.join(_PLACES[str(kind)])}")
        rate, lasts = body.get("rate"), _lasts(str(kind), body)
        if rate is not None and not 0 <= float(rate) <= 1:
            raise ValueError("rate: must lie between 0 and 1")
        times = body.get("times", 1 if rate is None and (lasts is None or kind == "hideJob") else None)
        if times is not None and int(times) < 1:
            raise ValueError("times: must be at least 1")
        method = match.get("method")
        return Fault(
            definition=dict(body),
            kind=str(kind),
            method=None if method is None else str(method).upper(),
            path=_pattern(match, "path"),
            query=_pattern(match, "query") if "query" in match else None,
            principal=match.get("principal"),
            service=match.get("service"),
            rate=None if rate is None else float(rate),
            seed=str(body.get("seed", 0)),
            lasts=lasts,
            remaining=None if times is None else int(times),
        )

    def as_json(self) -> Json:
        """Return the definition with the fault's progress."""
        progress: Json = {"remaining": self.remaining, "draws": self.draws}
        if self.began is not None:
            progress["began"] = text_or_none(self.began)
        if self.tokens:
            progress["tokens"] = sorted(self.tokens)
        return self.definition | progress

    @staticmethod
    def restored(body: Mapping[str, Any]) -> "Fault":
        """Read what `as_json` returned."""
        fault = Fault.read({member: value for member, value in body.items() if member not in _PROGRESS})
        fault.remaining, fault.draws = body["remaining"], int(body["draws"])
        fault.began = from_text(str(body["began"])) if body.get("began") else None
        fault.tokens = set(body.get("tokens") or ())
        return fault

    def meets(self, method: str, path: str, query: str, principal: Principal, now: datetime, service: str = RESOURCE_MANAGER) -> bool:
        """Return whether the fault is for a request, has uses left, and has not lasted its time."""
        return (
            self.remaining != 0
            and (self.service in (None, service) or service.startswith(f"{self.service}."))
            and self.method in (None, method)
            and (self.principal is None or self.principal.lower() in (principal.name.lower(), principal.id.lower()))
            and self.path.search(path) is not None
            and (self.query is None or self.query.search(query) is not None)
            and self._lasting(now)
        )

    def happens_at(self, at: str | None) -> bool:
        """Return whether the fault is for an operation that is named so; one that is for requests is for all."""
        places = _PLACES.get(self.kind)
        return places is None or self.text("at", places[0]) == at

    def hides_from_lists(self, principal: Principal, now: datetime) -> bool:
        """Return whether the fault leaves resources out of lists now."""
        named = self.principal is None or self.principal.lower() in (principal.name.lower(), principal.id.lower())
        return self.kind == "hide" and bool(self.definition.get("lists")) and self.remaining != 0 and named and self._lasting(now)

    def _lasting(self, now: datetime) -> bool:
        return self.kind == "hideJob" or self.lasts is None or self.began is None or now < self.began + self.lasts

    def fires(self) -> bool:
        """Return the outcome of its next draw: the nth draw of a seed is always the same."""
        return self.rate is None or random.Random(f"{self.seed}:{self.draws}").random() < self.rate  # noqa: S311  # not a secret

    def refuses_token(self, authorization: str) -> bool:
        """Return whether the access token of a request is one that this fault has made invalid."""
        return digest(authorization) in self.tokens

    def number(self, member: str, default: int) -> int:
        """Return a whole number of its definition."""
        return int(self.definition.get(member, default))

    def text(self, member: str, default: str) -> str:
        """Return a text of its definition."""
        return str(self.definition.get(member) or default)

    def length(self, member: str, default: str) -> timedelta:
        """Return a duration of its definition."""
        return duration(str(self.definition.get(member, default)))


def digest(authorization: str) -> str:
    """Return the digest by which an access token is remembered."""
    return hashlib.sha256(authorization.encode()).hexdigest()


def _lasts(kind: str, body: Mapping[str, Any]) -> timedelta | None:
    if "duration" not in body or kind == "hideJob":
        return None
    return duration(str(body["duration"]))


def _pattern(match: Mapping[str, Any], member: str) -> re.Pattern[str]:
    try:
        return re.compile(str(match.get(member, "")), re.IGNORECASE)
    except re.error as problem:
        raise ValueError(f"match.{member}: not a regular expression: {problem}") from None


def _check_values(body: Mapping[str, Any]) -> None:
    for member, (least, most) in _NUMBERS.items():
        value = body.get(member, least)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"{member}: must be a number from {least} to {most}")
    for member in _TEXTS:
        if not isinstance(body.get(member, ""), str | int):
            raise ValueError(f"{member}: must be a text")
    for member in _DURATIONS:
        if member in body:
            duration(str(body[member]))
    headers = body.get("headers", {})
    if not isinstance(headers, Mapping) or not all(isinstance(value, str | None) for value in headers.values()):
        raise ValueError("headers: must be an object of texts; null removes a header")
    unknown = set(body.get("kinds", ())) - ODD_KINDS
    if unknown:
        raise ValueError(f"kinds: '{sorted(unknown)[0]}' is not one of {', '.join(sorted(ODD_KINDS))}")


@dataclass(frozen=True, slots=True)
class Pick:
    """What a request meets, not used up yet: `drawn` are the faults whose chance was drawn, `fault` the one that came off."""

    fault: Fault | None = None
    drawn: tuple[Fault, ...] = ()
    now: datetime | None = None

    def spend(self) -> None:
        """Use it up."""
        for each in self.drawn:
            each.draws += 1
        if self.fault is not None:
            self.fault.began = self.fault.began or self.now
            if self.fault.remaining is not None:
                self.fault.remaining -= 1

    @property
    def empty(self) -> bool:
        """Whether there is nothing to use up."""
        return self.fault is None and not self.drawn

    def fate(self) -> Fate | None:
        """Return what it does to a copy."""
        if self.fault is None or self.fault.kind not in ON_COPIES:
            return None
        return Fate(self.fault.kind, self.fault.number("diskIndex", 0))


class Faults:
    """The list of faults: the first that is for a request, and comes off, is the one that it meets."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def pick(
        self,
        kinds: frozenset[str],
        method: str,
        path: str,
        query: str,
        principal: Principal,
        now: datetime,
        service: str = RESOURCE_MANAGER,
        *,
        at: str | None = None,
    ) -> Pick:
        """Return what a request meets among faults of these kinds; `at` is what its operation is named by."""
        drawn = []
        for fault in self.all:
            if fault.kind not in kinds or not fault.happens_at(at) or not fault.meets(method, path, query, principal, now, service):
                continue
            if fault.rate is not None:
                drawn.append(fault)
            if fault.fires():
                return Pick(fault, tuple(drawn), now)
        return Pick(None, tuple(drawn), now)

    def expired(self, authorization: str) -> Fault | None:
        """Return the fault that has made a request's access token invalid."""
        return next((fault for fault in self.all if fault.tokens and fault.refuses_token(authorization)), None)

    def restore(self, bodies: list[Json]) -> None:
        """Replace the list by what `as_json` returned for each."""
        self.all = [Fault.restored(body) for body in bodies]
