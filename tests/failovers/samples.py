"""Items, plans and jobs as Azure writes them, and the worlds made of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.context import FailoverContext, GuardRails, Member
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, RecoveryPointFacts
from shared.failovers.vault.job_facts import JobFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dr"
VAULT = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/vault"
CONTAINER = f"{VAULT}/replicationFabrics/site/replicationProtectionContainers/cloud"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/drill-west"
ITEM = f"{CONTAINER}/replicationProtectedItems/web"
PLAN = f"{VAULT}/replicationRecoveryPlans/shop"
POINT = f"{ITEM}/recoveryPoints/p1"

PROTECTED = ("PlannedFailover", "UnplannedFailover", "DisableProtection", "TestFailover")


def item_json(name: str = "web", provider: str = "HyperVReplicaAzure", allowed: Any = PROTECTED, **more: Any) -> dict[str, Any]:
    """A protected item as the recording has it; `details` are the provider's own, the rest are its properties."""
    details = {"instanceType": provider, "rpoInSeconds": 60, **more.pop("details", {})}
    properties = {
        "friendlyName": f"{name}-vm",
        "protectionState": "Protected",
        "activeLocation": "Primary",
        "testFailoverState": "None",
        "replicationHealth": "Normal",
        "healthErrors": [],
        "allowedOperations": list(allowed) if allowed is not None else None,
        "lastSuccessfulTestFailoverTime": (NOW - 5 * DAY).isoformat(),
        "currentScenario": {"scenarioName": "None", "jobId": f"{VAULT}/replicationJobs/None", "startTime": "1753-01-01T01:01:01Z"},
        "providerSpecificDetails": details,
        **more,
    }
    return {"id": f"{CONTAINER}/replicationProtectedItems/{name}", "name": name, "properties": properties}


def item(name: str = "web", provider: str = "HyperVReplicaAzure", allowed: Any = PROTECTED, **more: Any) -> ProtectedItemFacts:
    return ProtectedItemFacts.from_arm(item_json(name, provider, allowed, **more))


def point(name: str, age: timedelta, kind: str = "CrashConsistent", of: str = ITEM) -> RecoveryPointFacts:
    return RecoveryPointFacts(f"{of}/recoveryPoints/{name}", NOW - age, kind)


def world(*items: ProtectedItemFacts, plan: PlanFacts | None = None, **more: Any) -> FailoverContext:
    chosen = items or (item(),)
    groups = dict(plan.members) if plan is not None else {}
    members = tuple(
        Member(
            one,
            owned=True,
            group=groups.get(one.id),
            points=(point("p1", 5 * MINUTE, of=one.id), point("p2", HOUR, "ApplicationConsistent", one.id)),
        )
        for one in chosen
    )
    defaults: dict[str, Any] = {"recently_moved": 0, "jobs": (), "vault_region": "westeurope", "rails": GuardRails(two_person=False)}
    fields = {**defaults, "members": members, **more}
    return FailoverContext(now=NOW, scope_id=plan.id if plan else chosen[0].id, owned=fields.pop("owned", True), plan=plan, **fields)


def plan(groups: list[list[str]], allowed: Any = PROTECTED, **more: Any) -> PlanFacts:
    """A recovery plan of boot groups, each with the names of its members."""
    boot = [
        {"groupType": "Boot", "replicationProtectedItems": [{"id": f"{CONTAINER}/replicationProtectedItems/{name}"} for name in names]}
        for names in groups
    ]
    ends: list[dict[str, Any]] = [{"groupType": kind, "replicationProtectedItems": []} for kind in ("Shutdown", "Failover")]
    properties = {
        "friendlyName": "shop",
        "allowedOperations": list(allowed) if allowed is not None else None,
        "groups": [*ends, *boot],
        **more,
    }
    return PlanFacts.from_arm({"id": PLAN, "name": "shop", "properties": properties})


def request(action: str = "UnplannedFailover", **more: Any) -> FailoverRequest:
    body: dict[str, Any] = {"scope": {"protectedItemId": ITEM}, "action": action, **more}
    if not action.startswith("TestFailover"):
        body.setdefault("reason", "the data centre burns")
    if action == "TestFailover":
        body.setdefault("options", {"network": None})
    return FailoverRequest.model_validate(body)


def job_json(state: str = "InProgress", name: str = "job1", **properties: Any) -> dict[str, Any]:
    return {
        "id": f"{VAULT}/replicationJobs/{name}",
        "name": name,
        "properties": {
            "activityId": "0bcc90bf-08b9-4f81-afe9-e3388bd47463-2017-09-20 ActivityId: e9a96d0e-1d0e-4243-8939-ca4890ea88ba",
            "scenarioName": "UnplannedFailover",
            "state": state,
            "stateDescription": state,
            "targetObjectId": "web",
            "startTime": NOW.isoformat(),
            "tasks": [],
            "errors": [],
            **properties,
        },
    }


def job(state: str = "InProgress", name: str = "job1", **properties: Any) -> JobFacts:
    return JobFacts.from_arm(job_json(state, name, **properties))


def task(name: str, state: str, seconds: float | None = None, children: Any = None, **more: Any) -> dict[str, Any]:
    end = (NOW + timedelta(seconds=seconds)).isoformat() if seconds is not None else "0001-01-01T00:00:00"
    start = NOW.isoformat() if state != "NotStarted" else "0001-01-01T00:00:00"
    group = {"instanceType": "RecoveryPlanGroupTaskDetails", "childTasks": children} if children else None
    return {"name": name, "state": state, "startTime": start, "endTime": end, "errors": [], "groupTaskCustomDetails": group, **more}
