"""Journeys: what Farshore is for, done before one's eyes."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.calls import Reply, call
from local.journeys.failover import fail_over_and_back
from local.processes import Trouble
from local.stack import StackOptions
from local.tokens import get_token

#: The journeys of `python3 -m local demo NAME`: each takes the ports and returns an exit code.
JOURNEYS: Final[Mapping[str, Callable[[StackOptions], int]]] = {"failover": fail_over_and_back}
#: Journeys that are named already, and not there yet.
TO_COME: Final[Mapping[str, str]] = {
    "tenant": "a tenant's virtual machines",
    "datacenter": "a virtual data center on Azure Pack",
}

_BAR: Final = 40
_LOOK: Final = 0.25  # wall-clock seconds
_LINE_EVERY: Final = 10  # percent, where there is no terminal to draw a bar on
_START_SECONDS: Final = 120.0
_LONGEST_COPY: Final = 12 * 3600.0  # seconds of Azure's time
_FINAL: Final = ("Succeeded", "Failed", "Canceled")


@dataclass(frozen=True, slots=True)
class Copyable:
    """A restore point of the estate, whose it is, and where it could go."""

    tenant: str
    restore_point_id: str
    region: str
    target: Mapping[str, str]

    @property
    def name(self) -> str:
        """The restore point's name."""
        return self.restore_point_id.rsplit("/", 1)[-1]


def copy_a_restore_point(options: StackOptions) -> bool:
    """Copy a restore point of the estate to its other region, showing it; True once the copy is usable.

    Raises `Trouble` where the app refuses every one of them, or where the copy takes longer than it ever should.
    """
    estate = call("GET", f"{options.azure}/_simulation/estate").body
    refusals = []
    for candidate in copyable(estate):
        roles = ["Copies.Read", "Copies.Write"]
        authorization = {"Authorization": f"Bearer {get_token(options.azure_port, {'roles': roles, 'tenant': candidate.tenant})}"}
        reply = _start(options, candidate, authorization)
        if reply.status in (200, 202):
            print(f"copying restore point {candidate.name} from {candidate.region} to {candidate.target['region']} …", flush=True)
            return _follow(reply.headers["Location"], authorization, options.speed or 1)
        refusals.append(f"{candidate.name}: {_words(reply)}")
    raise Trouble("\n".join(["no restore point of the estate could be copied:", *(refusals or ["it has none"])]))


def copyable(estate: Mapping[str, Any]) -> Iterator[Copyable]:
    """Yield the newest restore point of each virtual machine of the estate that has one, with another region to go to."""
    machines = {machine["id"].lower() for machine in estate["virtualMachines"]}
    owners = {subscription: tenant["name"] for tenant in estate["tenants"] for subscription in tenant["subscriptions"]}
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


def _start(options: StackOptions, candidate: Copyable, authorization: Mapping[str, str]) -> Reply:
    # The same restore point gives the same key: started again with kept state, this follows the copy that there is.
    key = uuid.uuid5(uuid.NAMESPACE_URL, candidate.restore_point_id.lower())
    body = {"source": {"restorePointId": candidate.restore_point_id}, "target": dict(candidate.target)}
    return call("POST", f"{options.api}/restore-point-copies", body, headers={**authorization, "Repeatability-Request-ID": str(key)})


def _follow(url: str, authorization: Mapping[str, str], speed: float) -> bool:
    deadline = time.monotonic() + _START_SECONDS + _LONGEST_COPY / speed
    progress = Progress()
    while time.monotonic() < deadline:
        reply = call("GET", url, headers=authorization)
        if reply.status == 200:
            copy = reply.body
            progress.show(float(copy["percentComplete"] or 0), f"{copy['status']}, {copy['step']}")
            if copy["status"] in _FINAL:
                progress.end()
                return _told(copy)
            if copy.get("attention"):
                progress.end()
                raise Trouble(f"the copy needs a person's word: {copy['attention']['message']}")
        time.sleep(_LOOK)
    progress.end()
    raise Trouble(f"the copy did not end in time; it goes on at {url}")


def _told(copy: Mapping[str, Any]) -> bool:
    usable = copy["status"] == "Succeeded" and bool(copy["usable"])
    if usable:
        print(f"the copy is usable: {copy['target']['restorePointId']}")
        print(f"(begun {copy['startedAt']}, complete {copy['completedAt']} by Azure's clock, {copy['checks']} status reads)", flush=True)
    else:
        said = (copy.get("error") or {}).get("message", "no reason given")
        print(f"the copy is not usable: {copy['status']}: {said}", flush=True)
    return usable


def _words(reply: Reply) -> str:
    error = (reply.body or {}).get("error", {}) if isinstance(reply.body, dict) else {}
    return f"{reply.status} {error.get('code', '')}: {error.get('message', '')}"


class Progress:
    """A bar on one line of a terminal; where there is none, a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._told = -float(_LINE_EVERY)

    def show(self, percent: float, state: str) -> None:
        """Show how far it is, 0 to 100, and a few words."""
        if self._terminal:
            filled = round(_BAR * percent / 100)
            print(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR - filled)}] {percent:5.1f} %  {state}", end="", flush=True)
        elif percent >= self._told + _LINE_EVERY or (percent == 100 and self._told < 100):
            self._told = percent
            print(f"{percent:5.1f} %  {state}", flush=True)

    def end(self) -> None:
        """Leave the bar's line."""
        if self._terminal:
            print(flush=True)
