"""`python3 -m local demo policies`: a policy from its plan to its copies, slot by slot, with some days without power, and a drill."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.journeys.client import Caller, read_estate, refusal, send
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Copies.Read", "Copies.Write")
_NAME: Final = "demo-of-policies"
_SECONDS: Final = 300.0  # wall-clock seconds for the copies of one slot; at the usual speed they take some seconds
_SLOTS: Final = 3
_OUTAGE: Final = "P3DT2H"


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
        demo.caller.send("DELETE", f"{options.api}/copy-policies/{_NAME}", None, {"If-Match": "*"})
        print(f"The policy is deleted; the copies of {demo.tenant} stay.", flush=True)


def _prepare(options: StackOptions) -> _Demo:
    estate = read_estate(options)
    gold = [machine for machine in estate["virtualMachines"] if (machine.get("tags") or {}).get("tier") == "gold"]
    owners = {subscription: tenant["name"] for tenant in estate["tenants"] for subscription in tenant["subscriptions"]}
    subscription = next((one for machine in gold if (one := machine["id"].split("/")[2]) in owners), None)
    if subscription is None:
        raise Trouble("no tenant of the estate has machines with the tag tier=gold; start with the sample estate")
    locations = next(one["locations"] for one in estate["subscriptions"] if one["id"] == subscription)
    group = next(one["id"] for one in estate["resourceGroups"] if one["id"].split("/")[2] == subscription and "recovery" in one["id"])
    document = {
        "selector": {"tags": {"all": {"tier": "gold"}}},
        "schedule": {"every": "PT12H"},
        "targets": [{"region": location, "resourceGroup": group.rsplit("/", 1)[-1]} for location in locations[:2]],
        "retention": {"keepLast": 3, "daily": 7, "weekly": 4, "monthly": 12},
        "disks": {"excludeUnsupported": True},
        "limits": {"virtualMachines": 50},
    }
    return _Demo(options, Caller.of(options, _ROLES, owners[subscription]), owners[subscription], document)


def _show(demo: _Demo) -> int:
    print(f"1. What the policy would do for {demo.tenant}, before it is stored:", flush=True)
    plan = demo.call("PUT", f"/copy-policies/{_NAME}?dryRun=true", demo.document)
    for machine in plan["value"]:
        print(f"   {_line(machine)}", flush=True)
    calls = plan["forecast"]["calls"]
    print(f"   {plan['summary']['copies']} copies, {calls['writes']} writes and {calls['reads']} reads in Azure.", flush=True)
    print("2. The policy is stored, and its slots begin by themselves.", flush=True)
    demo.call("PUT", f"/copy-policies/{_NAME}", demo.document)
    usable = [_slot(demo) for _ in range(_SLOTS)]
    print(f"3. Some days without power: {_OUTAGE} pass at once.", flush=True)
    demo.advance(_OUTAGE)
    late = demo.call("GET", f"/copy-policies/{_NAME}/runs?top=1")["value"][0]
    missed = (late["missed"] or {}).get("count", 0)
    print(f"   {missed} slots were missed, and made one run: {late['trigger']}, {_result(demo, late)}.", flush=True)
    drilled = _drill(demo)
    seen = all(usable) and missed > 1 and plan["summary"]["copies"] > 0 and drilled
    print("Each slot has made its copies." if seen else "Not every step was seen.", flush=True)
    return 0 if seen else 1


def _drill(demo: _Demo) -> bool:
    """Rehearse the restore of a copy in an isolated network, and return whether it was checked and cleaned up."""
    copies = demo.call("GET", f"/restore-point-copies?policy={_NAME}&status=Succeeded&top=1")["value"]
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
    print(f"4. A drill restores {copies[0]['source']['virtualMachineId'].rsplit('/', 1)[-1]} into an isolated network.", flush=True)
    url = f"{demo.options.api}/restores/{demo.call('POST', '/restores', body)['id']}"
    ended = demo.caller.follow(url, "the drill", _SECONDS, lambda _: demo.advance("PT1M"))
    minutes = round((ended["recoveryTimeSeconds"] or 0) / 60, 1)
    print(f"   {ended['status']}, checked to the {ended['verified']}: recovery took {minutes} minutes, and nothing is left.", flush=True)
    return bool(ended["status"] == "Succeeded" and ended["cleanedUp"])


def _slot(demo: _Demo) -> int:
    """Let the next slot come, and return how many usable copies its run has made."""
    slot = datetime.fromisoformat(demo.call("GET", f"/copy-policies/{_NAME}")["nextSlot"])
    demo.advance(f"PT{max(int((slot - demo.now()).total_seconds()) + 1, 1)}S")
    run = demo.call("GET", f"/copy-policies/{_NAME}/runs?top=1")["value"][0]
    print(f"   slot {slot:%Y-%m-%d %H:%M}: {_result(demo, run)}", flush=True)
    return int(demo.call("GET", f"/copy-policies/{_NAME}/runs/{run['id']}")["counts"]["copies"]["usable"])


def _result(demo: _Demo, run: Mapping[str, Any]) -> str:
    """Wait for the end of a run, and return it as a line."""
    url = f"{demo.options.api}/copy-policies/{_NAME}/runs/{run['id']}"
    ended = demo.caller.follow(url, "the run", _SECONDS, lambda _: demo.advance("PT10M"))
    counts = {name: count for name, count in ended["counts"]["copies"].items() if count and name != "accepted"}
    return f"{ended['status']}, copies {json.dumps(counts)}"


def _line(machine: Mapping[str, Any]) -> str:
    name = str(machine["virtualMachineId"]).rsplit("/", 1)[-1]
    if machine["decision"] == "skipped":
        return f"{name}: skipped, {machine['code']}"
    return f"{name}: " + ", ".join(f"{one['region']} {one['code'] or 'in ' + str(one['expected'])}" for one in machine["targets"])
