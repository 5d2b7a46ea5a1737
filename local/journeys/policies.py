"""`python3 -m local demo policies`: a week of the sample policy `daily`, with a night without power, retention and a drill."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.journeys.client import Caller, owners_of, read_estate, refusal, send
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Copies.Read", "Copies.Write")
_SAMPLE: Final = "daily"
_NAME: Final = "demo-of-policies"
_SECONDS: Final = 100.0  # wall-clock seconds for one slot; at the usual speed it takes some seconds
_BEFORE, _AFTER = 4, 2
"""How many slots there are before and after the night without power: with that night they are a week."""
_OUTAGE: Final = "P1DT6H"
_OBJECTIVE: Final = "PT26H"
"""Longer than the longest night between two slots, which has 25 hours, and shorter than the outage."""
_STEP: Final = "PT1H"


@dataclass(frozen=True, slots=True)
class _Demo:
    """The stack, a caller of the tenant, and the policy's document."""

    options: StackOptions
    caller: Caller
    tenant: str
    document: Mapping[str, Any]

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401  # whatever JSON can hold
        """Call the app and return the body; raises `Trouble` with the refusal."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.caller.send(method, f"{self.options.api}{path}", body, named)
        if reply.status not in {200, 201, 202, 204}:
            raise Trouble(f"{method} {path} was refused: {refusal(reply)}")
        return reply.body

    def advance(self, duration: str) -> None:
        """Move Azure's time on; returns once what came due is done."""
        send("POST", f"{self.options.azure}/_simulation/clock", {"advance": duration})

    def now(self) -> datetime:
        """Return Azure's time."""
        return datetime.fromisoformat(str(send("GET", f"{self.options.azure}/_simulation/clock").body["now"]))


def show_policies(options: StackOptions) -> int:
    """Run the journey on a running stack and print each step; return 0 where each was seen, else 1.

    Raises `Trouble` where there is no answer, or no tenant of the estate has machines with the tag `tier`.
    """
    demo = _prepare(options)
    try:
        return _show(demo)
    finally:
        _remove(demo)


def _prepare(options: StackOptions) -> _Demo:
    estate = read_estate(options)
    gold = [machine for machine in estate["virtualMachines"] if (machine.get("tags") or {}).get("tier") == "gold"]
    owners = owners_of(estate)
    tenant = next((owners[one] for machine in gold if (one := machine["id"].split("/")[2]) in owners), None)
    if tenant is None:
        raise Trouble("no tenant of the estate has machines with the tag tier=gold; start with the sample estate")
    caller = Caller.of(options, _ROLES, tenant)
    sample = caller.send("GET", f"{options.api}/copy-policies/{_SAMPLE}")
    if sample.status != 200:
        raise Trouble(f"the policy {_SAMPLE} of {tenant} is not there: {refusal(sample)}; start with `python3 -m local up`")
    document = {**sample.body["document"], "enabled": True, "objective": _OBJECTIVE}
    return _Demo(options, caller, tenant, document)


def _show(demo: _Demo) -> int:
    print(f"1. What an enabled copy of the policy {_SAMPLE} would do for {demo.tenant}, before it is stored:", flush=True)
    plan = demo.call("PUT", f"/copy-policies/{_NAME}?dryRun=true", demo.document)
    for machine in plan["value"]:
        print(f"   {_line(machine)}", flush=True)
    calls = plan["forecast"]["calls"]
    print(f"   {plan['summary']['copies']} copies, {calls['writes']} writes and {calls['reads']} reads in Azure.", flush=True)
    print("2. The policy is stored, and its slots begin by themselves.", flush=True)
    demo.call("PUT", f"/copy-policies/{_NAME}", demo.document)
    runs = [_slot(demo) for _ in range(_BEFORE)]
    outage = _outage(demo)
    print("4. The rest of the week.", flush=True)
    runs += [_slot(demo) for _ in range(_AFTER)]
    deleted = sum(run["counts"]["deletions"]["done"] for run in runs)
    print(f"   Retention has deleted {deleted} restore points that no rule keeps.", flush=True)
    copied = all(run["counts"]["copies"]["usable"] for run in runs) and plan["summary"]["copies"] > 0
    seen = {"copies": copied, "an outage with a breach": outage, "retention": deleted > 0, "a drill": _drill(demo)}
    missing = [name for name, shown in seen.items() if not shown]
    print(f"Not seen: {', '.join(missing)}." if missing else "Each step was seen.", flush=True)
    return 1 if missing else 0


def _outage(demo: _Demo) -> bool:
    """Let a night pass at once, and return whether a slot was missed and made one run, and a breach began and ended."""
    print(f"3. A night without power: {_OUTAGE} pass at once.", flush=True)
    demo.advance(_OUTAGE)
    breached = _breaches(demo)
    for name, since in breached:
        print(f"   {name} has been without a copy as young as {_OBJECTIVE} since {since}.", flush=True)
    late = demo.call("GET", f"/copy-policies/{_NAME}/runs?top=1")["value"][0]
    missed = (late["missed"] or {}).get("count", 0)
    ended = _ended(demo, late)
    print(f"   Slots missed: {missed}. They made one run: {late['trigger']}, {_result(ended)}.", flush=True)
    demo.advance("PT5M")
    recovered = not _breaches(demo)
    print(f"   {'No objective is breached any more.' if recovered else 'The breach goes on.'}", flush=True)
    return missed > 0 and late["trigger"] == "catchUp" and bool(breached) and recovered


def _remove(demo: _Demo) -> None:
    """Delete the policy, and the copies that it has made; the VMs' own restore points are deleted by retention only."""
    demo.caller.send("DELETE", f"{demo.options.api}/copy-policies/{_NAME}", None, {"If-Match": "*"})
    copies = demo.call("GET", f"/restore-point-copies?policy={_NAME}&usable=true&top=1000")["value"]
    sure = "acceptLast=true&acceptFullCopy=true"
    deletions = [demo.call("DELETE", f"/restore-point-copies/{copy['id']}?{sure}")["id"] for copy in copies]
    for deletion in deletions:
        demo.caller.follow(f"{demo.options.api}/operations/{deletion}", "the deletion", _SECONDS, lambda _: demo.advance("PT10M"))
    print(f"The policy and its {len(deletions)} copies are deleted; some restore points of the VMs stay.", flush=True)


def _breaches(demo: _Demo) -> list[tuple[str, str]]:
    """Return the VMs of the policy whose objective is breached, and since when."""
    machines = demo.call("GET", f"/protection?policy={_NAME}&top=1000")["value"]
    return [
        (f"{machine['name']} in {target['region']}", target["breachedSince"])
        for machine in machines
        for target in machine["targets"]
        if target["breached"]
    ]


def _drill(demo: _Demo) -> bool:
    """Rehearse the restore of a copy in an isolated network, and return whether it was checked and cleaned up."""
    copies = demo.call("GET", f"/restore-point-copies?policy={_NAME}&usable=true&top=1")["value"]
    estate = read_estate(demo.options)
    subscription = copies[0]["target"]["restorePointId"].split("/")[2]
    network = next(
        one["id"]
        for one in estate["virtualNetworks"]
        if one["location"] == copies[0]["target"]["region"] and (one.get("tags") or {}).get("isolated") and subscription in one["id"]
    )
    body = {
        "kind": "virtualMachine",
        "machines": [{"source": {"copyId": copies[0]["id"]}}],
        "resourceGroup": demo.document["targets"][0]["resourceGroup"],
        "network": {"subnetId": f"{network}/subnets/default"},
        "drill": True,
    }
    print(f"5. A drill restores {copies[0]['source']['virtualMachineId'].rsplit('/', 1)[-1]} into an isolated network.", flush=True)
    url = f"{demo.options.api}/restores/{demo.call('POST', '/restores', body)['id']}"
    ended = demo.caller.follow(url, "the drill", _SECONDS, lambda _: demo.advance("PT1M"))
    minutes = round((ended["recoveryTimeSeconds"] or 0) / 60, 1)
    print(f"   {ended['status']}, checked to the {ended['verified']}: recovery took {minutes} minutes, and nothing is left.", flush=True)
    return bool(ended["status"] == "Succeeded" and ended["cleanedUp"])


def _slot(demo: _Demo) -> Mapping[str, Any]:
    """Let the next slot come, and return its run once it has ended."""
    slot = datetime.fromisoformat(demo.call("GET", f"/copy-policies/{_NAME}")["nextSlot"])
    demo.advance(f"PT{max(int((slot - demo.now()).total_seconds()) + 1, 1)}S")
    run = _ended(demo, demo.call("GET", f"/copy-policies/{_NAME}/runs?top=1")["value"][0])
    print(f"   slot {slot:%Y-%m-%d %H:%M}: {_result(run)}", flush=True)
    return run


def _ended(demo: _Demo, run: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a run once it has ended."""
    url = f"{demo.options.api}/copy-policies/{_NAME}/runs/{run['id']}"
    return demo.caller.follow(url, "the run", _SECONDS, lambda _: demo.advance(_STEP))


def _result(run: Mapping[str, Any]) -> str:
    counts = {name: count for name, count in run["counts"]["copies"].items() if count and name != "accepted"}
    return f"{run['status']}, copies {json.dumps(counts)}, deletions {run['counts']['deletions']['done']}"


def _line(machine: Mapping[str, Any]) -> str:
    name = str(machine["virtualMachineId"]).rsplit("/", 1)[-1]
    if machine["decision"] == "skipped":
        return f"{name}: skipped, {machine['code']}"
    return f"{name}: " + ", ".join(f"{one['region']} {one['code'] or 'in ' + str(one['expected'])}" for one in machine["targets"])
