"""The copy policies of the sample estate: `daily` of each tenant, and the provider's `hourly`; disabled, so that no run begins."""

from collections.abc import Iterator
from typing import Any

from local.journeys.client import Caller, refusal
from local.processes import Trouble
from local.simulation.sample_estate import LOCATIONS, TENANTS
from local.stack import StackOptions

_EXISTS = 412
PolicyDocument = dict[str, Any]


def sample_policies() -> Iterator[tuple[str, str, PolicyDocument]]:
    """Yield the policies: the tenant, the name, the document."""
    for tenant, _, _ in TENANTS:
        yield tenant, "daily", _daily(tenant)
    provider = TENANTS[0][0]
    yield provider, "hourly", _hourly(provider)


def seed_policies(options: StackOptions) -> None:
    """Write the sample's policies through the API; those that are there stay. Raises `Trouble` with a refusal."""
    callers = {tenant: Caller.of(options, ["Copies.Read", "Copies.Write"], tenant) for tenant, _, _ in TENANTS}
    for tenant, name, document in sample_policies():
        reply = callers[tenant].send("PUT", f"{options.api}/copy-policies/{name}", document, {"If-None-Match": "*"})
        if reply.status not in {200, 201, _EXISTS}:
            raise Trouble(f"the policy {name} of {tenant} was refused: {refusal(reply)}")


def _daily(tenant: str) -> PolicyDocument:
    return {
        "description": "Gold machines, each night to the other region",
        "enabled": False,
        "selector": {"tags": {"all": {"tier": "gold"}}},
        "schedule": {"cron": "0 0 2 * * *", "timeZone": "Europe/Berlin"},
        "targets": _targets(tenant),
        "retention": {"keepLast": 3, "daily": 7, "weekly": 4, "monthly": 12},
    }


def _hourly(tenant: str) -> PolicyDocument:
    places = [{**target, "drillIn": {"resourceGroup": target["resourceGroup"], "subnetId": None}} for target in _targets(tenant)]
    return {
        "description": "Crash-consistent, each hour; the disks of one machine are restored each week",
        "enabled": False,
        "selector": {"tags": {"all": {"tier": "gold"}}},
        "schedule": {"every": "PT1H"},
        "consistency": {"mode": "CrashConsistent"},
        "targets": places,
        "retention": {"keepLast": 24},
        "drill": {"every": "P7D", "kind": "disks"},
    }


def _targets(tenant: str) -> list[PolicyDocument]:
    """Return both regions: a machine is copied to the one that it is not in."""
    return [{"region": region, "resourceGroup": f"{tenant}-recovery"} for region in LOCATIONS]
