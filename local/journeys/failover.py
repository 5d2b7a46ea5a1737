"""`python3 -m local demo failover`: a machine of the sample out to Azure and home again, told step by step."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.calls import Reply, call
from local.processes import Trouble
from local.stack import StackOptions
from local.tokens import get_token

_ROLES: Final = ("Failovers.Execute", "Failovers.Read")
_REASON: Final = "a demonstration of the way out and home again"
_LOOK: Final = 0.25  # wall-clock seconds
_PATIENCE: Final = 300.0  # wall-clock seconds for one step, a few of which pass at the usual speed
_FINAL: Final = ("Succeeded", "Failed", "Canceled")
_DRILL: Final = "drill-"


@dataclass(frozen=True, slots=True)
class _Machine:
    """What is failed over: an item that is healthy and idle, and an isolated network for its test."""

    id: str
    name: str
    tenant: str
    network: str


@dataclass(frozen=True, slots=True)
class _Act:
    """One request of the journey, with what is said before it and after it."""

    action: str
    before: str
    after: str
    options: Mapping[str, object] | None = None


def fail_over_and_back(options: StackOptions) -> int:
    """Carry out the journey on a stack that runs, telling it; returns 0 when all went well, else 1.

    Raises `Trouble` where nobody answers, or nothing in the estate can be failed over.
    """
    machine = _choose(options)
    headers = {"Authorization": f"Bearer {get_token(options.azure_port, {'roles': list(_ROLES), 'tenant': machine.tenant})}"}
    print(f"{machine.name} of {machine.tenant} runs at home and is replicated to Azure.", flush=True)
    acts = _journey(machine)
    for number, act in enumerate(acts, start=1):
        print(f"{number}. {act.before}", flush=True)
        failover = _carry_out(options, headers, machine, act)
        if failover["status"] != "Succeeded":
            error = failover.get("error") or {}
            print(f"   {failover['status']}: {error.get('code', '')}: {error.get('message', 'no reason given')}", flush=True)
            return 1
        print(f"   {act.after} {_figures(failover)}", flush=True)
    print(f"{machine.name} is home again, and protected as before.", flush=True)
    return 0


def _journey(machine: _Machine) -> Sequence[_Act]:
    network = machine.network.rsplit("/", 1)[-1]
    return (
        _Act(
            "TestFailover",
            f"Test failover into the isolated network {network}: a copy starts in Azure, production goes on.",
            "The test machine ran; production never noticed.",
            {"network": machine.network},
        ),
        _Act("TestFailoverCleanup", "Clean up: the test machine goes.", "Nothing of the test is left."),
        _Act(
            "PlannedFailover",
            "Planned failover: the machine is shut down at home and started in Azure, without losing anything.",
            "It runs in Azure.",
        ),
        _Act("Commit", "Commit: every other recovery point goes, and there is no second thought.", "The failover is final."),
        _Act(
            "Failback",
            "Failback: the data is synchronised home while the machine runs on, then it waits for a word.",
            "It runs at home.",
            {"dataSync": "ForSynchronization"},
        ),
        _Act("Commit", "Commit the way home.", "The failback is final."),
        _Act("ReverseReplicate", "Reverse replication: from home to Azure again.", "It is replicated again."),
    )


def _choose(options: StackOptions) -> _Machine:
    reply = _ask("GET", f"{options.azure}/_simulation/estate")
    if reply.status != 200:
        raise Trouble(f"the simulated Azure answered {reply.status}; start it with `python3 -m local up`")
    estate = reply.body
    owners = {tenant["vaultId"].lower(): tenant["name"] for tenant in estate["tenants"] if not _two_persons(tenant)}
    for vault in estate["vaults"]:
        networks = [one["id"] for one in estate["virtualNetworks"] if _fits(one, vault)]
        for item in vault["items"]:
            if vault["id"].lower() in owners and networks and _is_ready(item, vault):
                return _Machine(item["id"], item.get("friendlyName", ""), owners[vault["id"].lower()], networks[0])
    raise Trouble("no machine of the estate is replicated from Hyper-V to Azure, healthy and lately tested; start with the sample estate")


def _two_persons(tenant: Mapping[str, Any]) -> bool:
    return bool((tenant.get("settings") or {}).get("twoPersonRule", True))


def _fits(network: Mapping[str, Any], vault: Mapping[str, Any]) -> bool:
    """Whether a test in this vault can use a network: an isolated one, in its region and of its owner."""
    subscriptions = {str(one["id"]).split("/")[2].lower() for one in (network, vault)}
    isolated = str(network["id"]).rsplit("/", 1)[-1].startswith(_DRILL)
    return len(subscriptions) == 1 and isolated and bool(network["location"] == vault["location"])


def _is_ready(item: Mapping[str, Any], vault: Mapping[str, Any]) -> bool:
    in_plan = any(item["id"] in group["members"] for plan in vault["plans"] for group in plan["groups"])
    still = (
        item.get("phase", "protected") == "protected" and not item.get("job") and item.get("testFailoverState") != "WaitingForCompletion"
    )
    well = item.get("replicationHealth", "Normal") == "Normal" and bool(item.get("lastTestFailover"))
    return item.get("provider") == "HyperVReplicaAzure" and still and well and not in_plan


def _carry_out(options: StackOptions, headers: Mapping[str, str], machine: _Machine, act: _Act) -> Mapping[str, Any]:
    body: dict[str, Any] = {"scope": {"protectedItemId": machine.id}, "action": act.action}
    body |= {"options": dict(act.options)} if act.options else {}
    body |= {} if act.action.startswith("Test") else {"reason": _REASON}
    reply = _ask("POST", f"{options.api}/failovers", body, headers)
    if reply.status != 202:
        raise Trouble(f"{act.action} was refused: {_words(reply)}")
    url, told, resumed, deadline = reply.headers["Location"], "", False, time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        reply = _ask("GET", url, None, headers)
        failover = reply.body if reply.status == 200 else None
        if failover is not None and failover["status"] in _FINAL:
            return dict(failover)
        if failover is not None and failover.get("attention"):
            raise Trouble(f"{act.action} needs a person's word: {failover['attention']['message']}")
        if failover is not None:
            told = _tell(failover, told)
            if failover["step"] == "suspended" and not resumed:
                resumed = _ask("POST", f"{url}/resume", None, headers).status == 202
                if resumed:
                    print("   The data is at home; the word is given to complete it (resume).", flush=True)
        time.sleep(_LOOK)
    raise Trouble(f"{act.action} did not end in time; it goes on at {url}")


def _tell(failover: Mapping[str, Any], told: str) -> str:
    """Say what Azure is doing, once for each task; returns what was said last."""
    tasks = (failover.get("job") or {}).get("tasks") or []
    running = [task["name"] for task in tasks if task["state"] == "InProgress"]
    if running and running[0] != told:
        print(f"   Azure: {running[0]} …", flush=True)
        return str(running[0])
    return told


def _figures(failover: Mapping[str, Any]) -> str:
    seconds, point = failover["timings"]["startedToFinished"], failover.get("recoveryPoint")
    took = f"{seconds / 60:.0f} minutes by Azure's clock" if seconds is not None else "time not told"
    age = (point or {}).get("ageSeconds")
    return f"({took}{f', recovery point {age} s old' if age is not None else ''})"


def _ask(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    try:
        return call(method, url, body, headers=headers)
    except OSError as error:
        raise Trouble(f"nobody answers at {url} ({error}); start the stack with `python3 -m local up`") from error


def _words(reply: Reply) -> str:
    error = (reply.body or {}).get("error", {}) if isinstance(reply.body, dict) else {}
    details = "; ".join(str(detail.get("message")) for detail in error.get("details", []))
    return f"{reply.status} {error.get('code', '')}: {error.get('message', '')} {details}".rstrip()
