"""Protected items and recovery plans enough for each test to take its own, and what tests do with failovers of them."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.simulation.ids import derived
from local.simulation.sample_estate import LOCATIONS, app_principal
from local.simulation.sample_vaults import tenant_vault
from local.simulation.times import to_text
from tests.support.api import Caller, Reply
from tests.support.running import Running, new_key

Json = dict[str, Any]

OPERATOR = ("Failovers.Execute", "Failovers.Read")
REQUESTS = "failover-requests"
NARROW = "narrow"
"""A tenant beside the sample's, of whose machines at most two may be moved within an hour."""
_MANY = 60
_ENDED = {"Succeeded", "Failed", "Canceled"}
_KINDS = {"HyperVReplicaAzure": "erp01", "HyperVReplica2012R2": "vault01", "InMageRcm": "files01"}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes items like the sample's, with other names, in the places of the sample's."""

    estate: Json
    now: datetime

    def vault(self, tenant: str) -> Json:
        """Return a tenant's vault of the estate."""
        wanted = next(one["vaultId"] for one in self.estate["tenants"] if one["name"] == tenant)
        return next(vault for vault in self.estate["vaults"] if vault["id"] == wanted)

    def item(
        self, name: str, provider: str = "HyperVReplicaAzure", *, tenant: str = "provider", tested: bool = True, **more: object
    ) -> str:
        """Add an item and return its id; `more` are members of the estate's item. `tested`: lately, with success."""
        like = "InMageRcm" if provider == "InMageAzureV2" else provider
        vault = self.vault(tenant)
        sample = next(one for one in vault["items"] if _KINDS.get(like) in (None, one["friendlyName"]) and one["provider"] == like)
        made = copy.deepcopy(sample)
        container = sample["id"].rsplit("/", 2)[0]
        made |= {"id": f"{container}/replicationProtectedItems/{name}", "friendlyName": name, "provider": provider, "phase": "protected"}
        made["lastTestFailover"] = to_text((self.now - timedelta(days=5)).replace(microsecond=0)) if tested else None
        machine = str(sample["source"]["vmId"])
        made["source"] |= {"vmId": f"{machine.rpartition('/')[0]}/{name}" if "/" in machine else derived("test machine", name)}
        if "lifecycle" in made["source"]:
            made["source"]["lifecycle"] = derived("test lifecycle", made["id"])
        if "target" in made:
            made["target"]["vmName"] = name
        made.pop("protectableItem", None)
        vault["items"].append({member: value for member, value in (made | more).items() if value is not None})
        return str(made["id"])

    def plan(self, name: str, groups: Sequence[Sequence[str]], *, tenant: str = "provider") -> str:
        """Add a recovery plan of groups of items, and return its id."""
        vault = self.vault(tenant)
        made = {"id": f"{vault['id']}/replicationRecoveryPlans/{name}", "friendlyName": name, "failoverDeploymentModel": "ResourceManager"}
        vault["plans"].append(made | {"groups": [{"type": "Boot", "members": list(members)} for members in groups]})
        return str(made["id"])

    def tenant(self, name: str, **settings: object) -> None:
        """Add a tenant with a subscription, a vault and a pair of groups of its own."""
        subscription = derived("test subscription", name)
        scope = f"/subscriptions/{subscription}/resourceGroups"
        vault = f"{scope}/{name}-recovery/providers/Microsoft.RecoveryServices/vaults/{name}-vault"
        described = {
            "name": name,
            "displayName": name.title(),
            "kind": "tenant",
            "tenantId": derived("test tenant", name),
            "vaultId": vault,
        }
        self.estate["tenants"].append(described | {"subscriptions": [subscription], "settings": settings})
        self.estate["subscriptions"].append({"id": subscription, "tenantId": described["tenantId"], "locations": list(LOCATIONS)})
        self.estate["resourceGroups"] += [
            {"id": f"{scope}/{name}-{part}", "location": where} for part, where in zip(("production", "recovery"), LOCATIONS, strict=True)
        ]
        machines = [f"{scope}/{name}-production/providers/Microsoft.Compute/virtualMachines/{name}-{number}" for number in range(3)]
        self.estate["vaults"].append(tenant_vault(vault, name, LOCATIONS, machines, self.now))
        app = next(one for one in self.estate["principals"] if one["name"] == "farshore")
        app["roleAssignments"] += app_principal([f"/subscriptions/{subscription}"])["roleAssignments"]


@dataclass
class Shelf:
    """Items and plans that no test has used, by whose they are."""

    machines: dict[tuple[str, str], Iterator[str]] = field(default_factory=dict)
    plans: dict[str, Iterator[str]] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)

    def fill(self, estate: Json, now: datetime) -> None:
        """Put items and plans into an estate."""
        maker = Maker(estate, now)
        maker.tenant(NARROW, twoPersonRule=False, blastRadius=2)
        self._items(maker, "HyperVReplicaAzure", "provider", _MANY)
        for tenant in ("contoso", "fabrikam", NARROW):
            self._items(maker, "A2A", tenant, 30)
        names = (f"plan{number}" for number in itertools.count())
        self.plans["provider"] = iter([self._plan(maker, next(names), "provider", (1, 1, 1)) for _ in range(6)])
        self.plans["contoso"] = iter([self._plan(maker, next(names), "contoso", (2, 1)) for _ in range(3)])
        self.networks = {network["id"].rsplit("/", 1)[-1]: network["id"] for network in estate["virtualNetworks"]}

    def _items(self, maker: Maker, provider: str, tenant: str, count: int) -> None:
        made = [maker.item(f"{tenant[:3]}{number:03}", provider, tenant=tenant) for number in range(count)]
        self.machines[tenant, provider] = iter(made)

    def _plan(self, maker: Maker, name: str, tenant: str, sizes: Sequence[int]) -> str:
        provider = "HyperVReplicaAzure" if tenant == "provider" else "A2A"
        groups = [[next(self.machines[tenant, provider]) for _ in range(size)] for size in sizes]
        return maker.plan(name, groups, tenant=tenant)


@dataclass
class Sites:
    """A running stack with items to fail over."""

    stack: Running
    shelf: Shelf

    def item(self) -> str:
        """Return a Hyper-V item of the provider's that no test has used, tested lately."""
        return next(self.shelf.machines["provider", "HyperVReplicaAzure"])

    def a2a(self, tenant: str = "contoso") -> str:
        """Return an A2A item of a tenant's that no test has used, tested lately."""
        return next(self.shelf.machines[tenant, "A2A"])

    def plan(self, tenant: str = "provider") -> str:
        """Return a recovery plan that no test has used: the provider's are three groups of one item, others two and one."""
        return next(self.shelf.plans[tenant])

    def network(self, name: str) -> str:
        """Return the id of a virtual network by its name."""
        return self.shelf.networks[name]

    def caller(self, tenant: str = "provider", *roles: str, **options: object) -> Caller:
        """Return a caller that may start and read failovers, or has these roles."""
        return self.stack.caller(*(roles or OPERATOR), tenant=tenant, **options)

    def ended(self, caller: Caller, failover: str, *, step: str = "PT10M") -> Json:
        """Move the clock until a failover has ended, and return it."""
        return self.until(caller, failover, lambda found: found["status"] in _ENDED, step=step)

    def until_step(self, caller: Caller, failover: str, step: str, *, by: str = "PT10M") -> Json:
        """Move the clock until a failover is at a step."""
        return self.until(caller, failover, lambda found: found["step"] == step or found["status"] in _ENDED, step=by)

    def until(self, caller: Caller, failover: str, done: Callable[[Json], bool], *, step: str, times: int = 80) -> Json:
        """Move the clock until a failover is as wanted, and return it."""
        found: Json = {}
        for _ in range(times):
            found = caller.get(f"/failovers/{failover}").body
            if done(found):
                return found
            self.stack.advance(step)
        raise AssertionError(f"it did not come so far: {found}")

    def posts(self, scope: str, deed: str = "") -> list[str]:
        """Return the deeds that took effect on an item or plan, in order: the last segments of the paths."""
        paths = [effect["path"] for effect in self.stack.writes(f"{scope}/") if effect["method"] == "POST"]
        return [path.rsplit("/", 1)[-1] for path in paths if path.lower().endswith(deed.lower())]

    def in_estate(self, item: str) -> Json:
        """Return an item as the estate has it."""
        vaults = self.stack.control("GET", "estate")["vaults"]
        return next(one for vault in vaults for one in vault["items"] if one["id"].lower() == item.lower())


def of_item(item: str, action: str, **more: object) -> Json:
    """Return a request about an item; it has a reason unless it is a test."""
    return _body({"protectedItemId": item}, action, more)


def of_plan(plan: str, action: str, **more: object) -> Json:
    """Return a request about a recovery plan."""
    return _body({"recoveryPlanId": plan}, action, more)


def _body(scope: Mapping[str, str], action: str, more: Mapping[str, object]) -> Json:
    reason = {} if action in {"TestFailover", "TestFailoverCleanup"} else {"reason": "the building is on fire"}
    return {"scope": dict(scope), "action": action, **reason, **more}


def check_success(failover: Json, *legs: str) -> Json:
    """Fail unless a failover succeeded, with these legs, each of which did; return it."""
    assert (failover["status"], failover["step"], failover["error"]) == ("Succeeded", "finished", None), failover
    assert [leg["action"] for leg in failover["legs"]] == list(legs)
    assert {leg["status"] for leg in failover["legs"]} == {"Succeeded"}
    assert failover["completedAt"] is not None
    return failover


def start(caller: Caller, body: object) -> str:
    """Start a failover that is accepted, and return its id."""
    reply: Reply = caller.post("/failovers", body, key=new_key())
    assert reply.status == 202, reply
    assert reply.headers["location"].endswith(f"/failovers/{reply.body['id']}")
    assert reply.headers["operation-location"].endswith(f"/operations/{reply.body['id']}")
    return str(reply.body["id"])
