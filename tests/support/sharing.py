"""A vault that tenants share: of the provider's VMM server two tenants have a cloud each, and a third has a pair of A2A containers.

None of them has a vault of its own.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.ids import derived
from local.simulation.sample_estate import LOCATIONS, app_principal
from local.simulation.sample_fabrics import AZURE, make_container, make_mapping, make_protectable, make_unprotected
from local.simulation.sample_vaults import running_job, tenant_vault
from tests.support.sites import Json, Maker

BLUE, GREEN, RED = "blue", "green", "red"
_ITEMS = 12
_POLICY = "every-5-minutes"


@dataclass
class Shared:
    """What is in the provider's vault: by the tenant's name its cloud, items, plan and so on; the last items are for tests to take."""

    vault: str = ""
    fabric: str = ""
    policy: str = ""
    clouds: dict[str, str] = field(default_factory=dict)
    items: dict[str, list[str]] = field(default_factory=dict)
    machines: dict[str, list[str]] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)

    def fill(self, estate: Json, now: datetime) -> None:
        """Put two tenants with clouds in the provider's vault into an estate: green's failovers need a second person, blue's do not."""
        maker = Maker(estate, now)
        vault = maker.vault("provider")
        self.vault, self.fabric = vault["id"], f"{vault['id']}/replicationFabrics/vmm01"
        self.policy = f"{self.vault}/replicationPolicies/{_POLICY}"
        for tenant, rule in ((BLUE, False), (GREEN, True)):
            self._cloud(vault, tenant)
            self._tenant(estate, tenant, [self.clouds[tenant]], twoPersonRule=rule, blastRadius=2)
        self._tenant(estate, RED, self._pair(vault, now), twoPersonRule=False)
        self.items["provider"] = [item["id"] for item in vault["items"] if "/cloud-gold/" in item["id"]]
        self.clouds["provider"] = f"{self.fabric}/replicationProtectionContainers/cloud-gold"
        self.networks["provider"] = next(
            one["id"] for one in estate["virtualNetworks"] if one["id"].endswith("/drill-provider-northeurope")
        )
        mixed, idle = ([[self.items[BLUE][blue]], [self.items[GREEN][green]]] for blue, green in ((2, 2), (6, 7)))
        for name, groups in ((BLUE, [self.items[BLUE][:2]]), (GREEN, [self.items[GREEN][:2]]), ("mixed", mixed), ("idle", idle)):
            self._plan(vault, name, groups)
        # a job of green's own; and one on the mixed plan, which keeps an item of blue's busy
        self._job(vault, GREEN, self.items[GREEN][3], self.items[GREEN][3], now)
        self._job(vault, BLUE, self.items[BLUE][3], self.items[BLUE][3], now)
        self._job(vault, "mixed", self.plans["mixed"], self.items[BLUE][2], now)

    def _pair(self, vault: Json, now: datetime) -> list[str]:
        """Add two machines of red's, from Azure to Azure, and return the containers of both regions."""
        compute = f"/subscriptions/{subscription_of(RED)}/resourceGroups/{RED}/providers/Microsoft.Compute"
        made = tenant_vault(self.vault, RED, LOCATIONS, [f"{compute}/virtualMachines/red0{number}" for number in range(3)], now)
        for kind in ("policies", "fabrics", "items"):
            vault[kind] += made[kind]
        self.items[RED] = [item["id"] for item in made["items"]]
        return [container["id"] for fabric in made["fabrics"] for container in fabric["containers"]]

    def _tenant(self, estate: Json, name: str, clouds: Sequence[str], **settings: object) -> None:
        subscription, entra = subscription_of(name), derived("test tenant", name)
        scope = f"/subscriptions/{subscription}"
        # as a person might write it: without the leading slash, and not as ARM does
        written = [one.removeprefix("/").replace("replicationProtectionContainers", "replicationprotectioncontainers") for one in clouds]
        described = {"name": name, "displayName": name.title(), "kind": "tenant", "tenantId": entra, "subscriptions": [subscription]}
        estate["tenants"].append(described | {"clouds": written, "settings": settings})
        estate["subscriptions"].append({"id": subscription, "tenantId": entra, "locations": list(LOCATIONS)})
        estate["resourceGroups"].append({"id": f"{scope}/resourceGroups/{name}", "location": LOCATIONS[1]})
        self.networks[name] = f"{scope}/resourceGroups/{name}/providers/Microsoft.Network/virtualNetworks/drill-{name}"
        estate["virtualNetworks"].append(
            {
                "id": self.networks[name],
                "location": LOCATIONS[1],
                "addressPrefixes": ["10.98.0.0/16"],
                "subnets": [{"name": "default", "addressPrefix": "10.98.0.0/24"}],
            }
        )
        app = next(one for one in estate["principals"] if one["name"] == "farshore")
        app["roleAssignments"] += app_principal([scope])["roleAssignments"]

    def _cloud(self, vault: Json, tenant: str) -> None:
        fabric = next(one for one in vault["fabrics"] if one["id"] == self.fabric)
        cloud = f"{self.fabric}/replicationProtectionContainers/cloud-{tenant}"
        self.clouds[tenant] = cloud
        fabric["containers"].append(make_container(cloud, f"cloud-{tenant}", "VMM"))
        fabric["containerMappings"].append(make_mapping(cloud, AZURE, self.policy, "HyperVReplicaAzure"))
        items = [self._item(vault, cloud, f"{tenant}{number:02}") for number in range(_ITEMS)]
        fabric["protectableItems"] += [make_protectable(item, item["id"]) for item in items]
        bare = [make_unprotected(cloud, f"{tenant}-bare{number}", "VmmVirtualMachine", ()) for number in range(3)]
        fabric["protectableItems"] += bare
        self.items[tenant] = [item["id"] for item in items]
        self.machines[tenant] = [machine["id"] for machine in bare]

    def _item(self, vault: Json, cloud: str, name: str) -> Json:
        sample = next(one for one in vault["items"] if one["friendlyName"] == "erp01")
        machine = derived("shared machine", cloud, name)
        made: dict[str, Any] = copy.deepcopy(sample)
        made |= {
            "id": f"{cloud}/replicationProtectedItems/{name}",
            "friendlyName": name,
            "policy": self.policy,
            "protectableItem": f"{cloud}/replicationProtectableItems/{machine}",
        }
        made["source"] |= {"vmId": machine}
        made["target"]["vmName"] = name
        vault["items"].append(made)
        return made

    def _plan(self, vault: Json, name: str, groups: Sequence[Sequence[str]]) -> None:
        self.plans[name] = f"{self.vault}/replicationRecoveryPlans/plan-{name}"
        vault["plans"].append(
            {
                "id": self.plans[name],
                "friendlyName": f"plan-{name}",
                "primary": self.fabric,
                "recovery": AZURE,
                "groups": [{"type": "Boot", "members": list(members)} for members in groups],
                "failoverDeploymentModel": "ResourceManager",
            }
        )

    def _job(self, vault: Json, name: str, target: str, busy: str, now: datetime) -> None:
        job = running_job(self.vault, {"id": target, "friendlyName": target.rpartition("/")[2]}, now)
        if "/replicationRecoveryPlans/" in target:
            job |= {"targetType": "RecoveryPlan"}
        vault["jobs"].append(job)
        self.jobs[name] = job["id"].rpartition("/")[2]
        item = next(one for one in vault["items"] if one["id"] == busy)
        item |= {"job": self.jobs[name], "scenario": job["scenario"], "scenarioStart": job["startedAt"]}


def subscription_of(tenant: str) -> str:
    """Return the subscription of a tenant here."""
    return derived("test subscription", tenant)
