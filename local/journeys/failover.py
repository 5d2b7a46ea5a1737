"""`python3 -m local demo failover`: fail a machine of the sample over to Azure and back, with a line for each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.journeys.client import Caller, read_estate, refusal
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Failovers.Execute", "Failovers.Read")
_REASON: Final = "a demonstration of the way out and home again"
_SECONDS: Final = 300.0  # wall-clock seconds for one step; at the usual speed it takes a few
_DRILL: Final = "drill-"


@dataclass(frozen=True, slots=True)
class _Machine:
    """What is failed over: an item that is healthy and idle, and an isolated network for its test."""

    id: str
    name: str
    tenant: str
    network: str


@dataclass(frozen=True, slots=True)
class _Step:
    """One request of the journey, with the lines printed before and after it."""

    action: str
    before: str
    after: str
    options: Mapping[str, object] | None = None


def fail_over_and_back(options: StackOptions) -> int:
    """Run the journey on a running stack and print each step; return 0 on success, else 1.

    Raises `Trouble` where there is no answer, or no machine of the estate can be failed over.
    """
    machine = _choose(options)
    caller = Caller.of(options, _ROLES, machine.tenant)
    print(f"{machine.name} of {machine.tenant} runs at home and is replicated to Azure.", flush=True)
    steps = _journey(machine)
    for number, step in enumerate(steps, start=1):
        print(f"{number}. {step.before}", flush=True)
        failover = _run(options, caller, machine, step)
        if failover["status"] != "Succeeded":
            error = failover.get("error") or {}
            print(f"   {failover['status']}: {error.get('code', '')}: {error.get('message', 'no reason given')}", flush=True)
            return 1
        print(f"   {step.after} {_figures(failover)}", flush=True)
    print(f"{machine.name} is home again, and protected as before.", flush=True)
    return 0


def _journey(machine: _Machine) -> Sequence[_Step]:
    network = machine.network.rsplit("/", 1)[-1]
    return (
        _Step(
            "TestFailover",
            f"Test failover into the isolated network {network}: a copy starts in Azure, production goes on.",
            "The test machine ran; production was not affected.",
            {"network": machine.network},
        ),
        _Step("TestFailoverCleanup", "Clean up: the test machine is deleted.", "The test is cleaned up."),
        _Step(
            "PlannedFailover",
            "Planned failover: the machine is shut down at home and started in Azure, without loss of data.",
            "It runs in Azure.",
        ),
        _Step("Commit", "Commit: every other recovery point is deleted.", "The failover is final."),
        _Step(
            "Failback",
            "Failback: the data is synchronised home while the machine runs on, then the job waits for a resume.",
            "It runs at home.",
            {"dataSync": "ForSynchronization"},
        ),
        _Step("Commit", "Commit the way home.", "The failback is final."),
        _Step("ReverseReplicate", "Reverse replication: from home to Azure again.", "It is replicated again."),
    )


def _choose(options: StackOptions) -> _Machine:
    estate = read_estate(options)
    owners = {vault.lower(): one["name"] for one in estate["tenants"] if (vault := one.get("vaultId")) and not _two_persons(one)}
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


def _run(options: StackOptions, caller: Caller, machine: _Machine, step: _Step) -> Mapping[str, Any]:
    body: dict[str, Any] = {"scope": {"protectedItemId": machine.id}, "action": step.action}
    body |= {"options": dict(step.options)} if step.options else {}
    body |= {} if step.action.startswith("Test") else {"reason": _REASON}
    reply = caller.send("POST", f"{options.api}/failovers", body)
    if reply.status != 202:
        raise Trouble(f"{step.action} was refused: {refusal(reply)}")
    url = reply.headers["Location"]
    return caller.follow(url, step.action, _SECONDS, _Watcher(caller, url).on_read)


class _Watcher:
    """Prints each task of a failover once, and resumes its job once it is suspended."""

    def __init__(self, caller: Caller, url: str) -> None:
        self._caller = caller
        self._url = url
        self._shown = ""
        self._resumed = False

    def on_read(self, failover: Mapping[str, Any]) -> None:
        """Print the task that runs, and resume a suspended job."""
        tasks = (failover.get("job") or {}).get("tasks") or []
        running = next((str(task["name"]) for task in tasks if task["state"] == "InProgress"), "")
        if running and running != self._shown:
            print(f"   Azure: {running} …", flush=True)
            self._shown = running
        if failover["step"] == "suspended" and not self._resumed:
            self._resumed = self._caller.send("POST", f"{self._url}/resume").status == 202
            if self._resumed:
                print("   The data is synchronised; the job is completed (resume).", flush=True)


def _figures(failover: Mapping[str, Any]) -> str:
    seconds, point = failover["timings"]["startedToFinished"], failover.get("recoveryPoint")
    took = f"{seconds / 60:.0f} minutes by Azure's clock" if seconds is not None else "duration unknown"
    age = (point or {}).get("ageSeconds")
    return f"({took}{f', recovery point {age} s old' if age is not None else ''})"
