"""`python3 -m local demo policies`: a copy policy over a week of Azure's time, and nights without power, with a line for each step.

The restore points and copies that its runs made stay: deleting a policy deletes nothing in Azure.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from local.calls import Reply
from local.journeys.client import Caller, refusal, send
from local.processes import Trouble
from local.stack import StackOptions

_TENANT: Final = "provider"
_ROLES: Final = ("Copies.Read", "Copies.Write")
_FINAL: Final = ("Succeeded", "Failed", "Canceled")
_NIGHTS: Final = 7
_HOURS: Final = 12  # that a run may take at most
_DARK: Final = timedelta(days=3)
_POLICY: Final = {
    "description": "Gold machines: a copy each night in the other region",
    "selector": {"tags": {"all": {"tier": "gold"}}},
    "schedule": {"cron": "0 0 2 * * *", "timeZone": "Europe/Berlin", "catchUp": "run"},
    "targets": [{"region": region, "resourceGroup": f"{_TENANT}-recovery"} for region in ("westeurope", "northeurope")],
    "objective": "P2D",
    "retention": {"keepLast": 3, "daily": 7, "weekly": 4, "monthly": 12, "source": {"keepLast": 3}},
}


def a_week_of_copies(options: StackOptions, nights: int = _NIGHTS) -> int:
    """Run the journey of some nights on a running stack and print each step; return 0 where each was seen, else 1.

    Raises `Trouble` where there is no answer or a request is refused.
    """
    journey = _Journey(options, Caller.of(options, _ROLES, _TENANT), f"demo-{secrets.token_hex(3)}")
    print("1. A policy: each gold machine is copied to the other region at 02:00 in Berlin.", flush=True)
    journey.create()
    try:
        seen = journey.show_plan() and all(journey.night(number) for number in range(1, nights + 1)) and journey.nights_without_power()
        seen = seen and journey.show_copies()
    finally:
        journey.delete()
    return 0 if seen else 1


@dataclass(frozen=True, slots=True)
class _Journey:
    options: StackOptions
    caller: Caller
    name: str

    def create(self) -> None:
        """Create the policy."""
        made = self.caller.send("PUT", self._url(), _POLICY, {"If-None-Match": "*"})
        policy = self._expect(made, 201)
        for warning in policy.get("warnings", []):
            print(f"   Note: {warning['message']}", flush=True)

    def show_plan(self) -> bool:
        """Show what the next run would do; return whether it would copy anything."""
        plan = self._get(self._url("/plan"))
        summary, calls = plan["summary"], plan["forecast"]["calls"]
        print(f"2. The plan of the next run: {summary['copies']} copies of {summary['virtualMachines']} machines.", flush=True)
        print(f"   Azure calls: {calls['reads']} reads, {calls['writes']} writes, {calls['deletes']} deletes.", flush=True)
        return bool(summary["copies"])

    def night(self, number: int) -> bool:
        """Move Azure's time to the next slot and until its run has ended; return whether each of its copies is usable."""
        slot = _moment(self._get(self._url())["nextSlot"])
        self._advance_to(slot + timedelta(minutes=2))
        run = self._ended(slot)
        print(f"{'3.' if number == 1 else '  '} Night {number}, {slot:%Y-%m-%d}: {_outcome(run)}", flush=True)
        copies = run["counts"]["copies"]
        return bool(run["status"] == "Succeeded" and copies["usable"] == copies["accepted"] > 0)

    def nights_without_power(self) -> bool:
        """Move Azure's time over several slots at once; return whether one run catches up and records the others."""
        self._advance(_DARK)
        newest = self._get(self._url("/runs"))["value"][0]
        run = self._ended(_moment(newest["slot"]))
        missed = (run["missed"] or {}).get("count", 0)
        print(f"4. {_DARK.days} days without power: a run of kind {run['trigger']}, {missed} missed slots, {_outcome(run)}", flush=True)
        return bool(run["trigger"] == "catchUp" and missed)

    def show_copies(self) -> bool:
        """Show how many usable copies there are; return whether there is one."""
        copies = self._get(f"{self.options.api}/restore-point-copies?policy={self.name}")["value"]
        usable = [copy for copy in copies if copy["usable"]]
        print(f"5. {len(usable)} usable copies, {len(copies) - len(usable)} others.", flush=True)
        return bool(usable)

    def delete(self) -> None:
        """Delete the policy; what it copied stays."""
        reply = self.caller.send("GET", self._url())
        if reply.status == 200:
            gone = self.caller.send("DELETE", self._url(), headers={"If-Match": reply.headers["ETag"]})
            result = "is deleted; its copies stay" if gone.status == 204 else f"could not be deleted: {refusal(gone)}"
            print(f"The policy {result}.", flush=True)

    def _ended(self, slot: datetime) -> Mapping[str, Any]:
        """Move Azure's time hour by hour until the run of a slot has ended, and return it; raises `Trouble` where it does not."""
        for _ in range(_HOURS):
            for run in self._get(self._url("/runs"))["value"]:
                if run["slot"] is not None and _moment(run["slot"]) == slot and run["status"] in _FINAL:
                    return dict(run)
            self._advance(timedelta(hours=1))
        raise Trouble(f"the run of {slot:%Y-%m-%d %H:%M} has not ended within {_HOURS} hours")

    def _advance_to(self, moment: datetime) -> None:
        clock = self._expect(send("GET", f"{self.options.azure}/_simulation/clock"), 200)
        left = moment - _moment(clock["now"])
        if left > timedelta(0):
            self._advance(left)

    def _advance(self, duration: timedelta) -> None:
        seconds = int(duration.total_seconds())
        self._expect(send("POST", f"{self.options.azure}/_simulation/clock", {"advance": f"PT{seconds}S"}), 200)

    def _url(self, path: str = "") -> str:
        return f"{self.options.api}/copy-policies/{self.name}{path}"

    def _get(self, url: str) -> Mapping[str, Any]:
        return self._expect(self.caller.send("GET", url), 200)

    def _expect(self, reply: Reply, status: int) -> Mapping[str, Any]:
        if reply.status != status:
            raise Trouble(f"a request was refused: {refusal(reply)}")
        return dict(reply.body)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _outcome(run: Mapping[str, Any]) -> str:
    copies = run["counts"]["copies"]
    return f"{run['status']}, {copies['usable']} of {copies['accepted']} copies usable."
