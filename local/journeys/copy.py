"""The journey of `python3 -m local up`: copy a restore point to another region and show its progress."""

import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.calls import Reply
from local.journeys.client import Caller, owners_of, read_estate, refusal
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Copies.Read", "Copies.Write")
_BAR: Final = 40
_LINE_EVERY: Final = 10  # percent, where there is no terminal to draw a bar on
_START_SECONDS: Final = 120.0
_LONGEST_COPY: Final = 12 * 3600.0  # seconds of Azure's time


@dataclass(frozen=True, slots=True)
class Copyable:
    """A restore point of the estate, its tenant, and where it could be copied to."""

    tenant: str
    restore_point_id: str
    region: str
    target: Mapping[str, str]

    @property
    def name(self) -> str:
        """The restore point's name."""
        return self.restore_point_id.rsplit("/", 1)[-1]


def copy_a_restore_point(options: StackOptions) -> bool:
    """Copy a restore point of the estate to its other region and show the progress; return whether the copy is usable.

    Raises `Trouble` where the app refuses every restore point, or where the copy does not end in time.
    """
    refusals = []
    for candidate in copyable(read_estate(options)):
        caller = Caller.of(options, _ROLES, candidate.tenant)
        reply = _start(options, candidate, caller)
        if reply.status in (200, 202):
            print(f"copying restore point {candidate.name} from {candidate.region} to {candidate.target['region']} …", flush=True)
            return _follow(reply.headers["Location"], caller, options.speed or 1)
        refusals.append(f"{candidate.name}: {refusal(reply)}")
    raise Trouble("\n".join(["no restore point of the estate could be copied:", *(refusals or ["it has none"])]))


def copyable(estate: Mapping[str, Any]) -> Iterator[Copyable]:
    """Yield the newest restore point of each virtual machine of the estate that has one and another region."""
    machines = {machine["id"].lower() for machine in estate["virtualMachines"]}
    owners = owners_of(estate)
    locations = {subscription["id"]: subscription["locations"] for subscription in estate["subscriptions"]}
    for collection in estate["restorePointCollections"]:
        source, points = str(collection.get("source") or ""), collection["restorePoints"]
        subscription = collection["id"].split("/")[2]
        others = [location for location in locations.get(subscription, ()) if location != collection["location"]]
        if source.lower() in machines and points and others and subscription in owners:
            newest = max(points, key=lambda point: str(point["timeCreated"]))
            target = {"region": others[0], "resourceGroup": _group(estate, subscription, others[0])}
            yield Copyable(owners[subscription], newest["id"], collection["location"], target)


def _group(estate: Mapping[str, Any], subscription: str, region: str) -> str:
    groups = [group for group in estate["resourceGroups"] if group["id"].split("/")[2] == subscription]
    there = [group for group in groups if group["location"] == region]
    return str((there or groups)[0]["id"].rsplit("/", 1)[-1])


def _start(options: StackOptions, candidate: Copyable, caller: Caller) -> Reply:
    # The same restore point gives the same key: with kept state, a second run follows the copy that exists.
    key = uuid.uuid5(uuid.NAMESPACE_URL, candidate.restore_point_id.lower())
    body = {"source": {"restorePointId": candidate.restore_point_id}, "target": dict(candidate.target)}
    return caller.send("POST", f"{options.api}/restore-point-copies", body, {"Repeatability-Request-ID": str(key)})


def _follow(url: str, caller: Caller, speed: float) -> bool:
    progress = Progress()
    try:
        copy = caller.follow(url, "the copy", _START_SECONDS + _LONGEST_COPY / speed, progress.show)
        progress.show(copy)
    finally:
        progress.end()
    return _print_result(copy)


def _print_result(copy: Mapping[str, Any]) -> bool:
    usable = copy["status"] == "Succeeded" and bool(copy["usable"])
    if usable:
        print(f"the copy is usable: {copy['target']['restorePointId']}")
        print(f"(started {copy['startedAt']}, complete {copy['completedAt']} by Azure's clock, {copy['checks']} status reads)", flush=True)
    else:
        reason = (copy.get("error") or {}).get("message", "no reason given")
        print(f"the copy is not usable: {copy['status']}: {reason}", flush=True)
    return usable


class Progress:
    """A bar on one line of a terminal; without a terminal, a line for every tenth percent."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = -float(_LINE_EVERY)

    def show(self, copy: Mapping[str, Any]) -> None:
        """Show the percent and the state of a copy."""
        percent, state = float(copy["percentComplete"] or 0), f"{copy['status']}, {copy['step']}"
        if self._terminal:
            filled = round(_BAR * percent / 100)
            print(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR - filled)}] {percent:5.1f} %  {state}", end="", flush=True)
        elif percent >= self._shown + _LINE_EVERY or (percent == 100 and self._shown < 100):
            self._shown = percent
            print(f"{percent:5.1f} %  {state}", flush=True)

    def end(self) -> None:
        """End the bar's line."""
        if self._terminal:
            print(flush=True)
