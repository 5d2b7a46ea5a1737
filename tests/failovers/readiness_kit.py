"""Tenants of each shape with all that their readiness looks at in Azure, healthy until a test changes it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.simulation import sample_fabrics as made
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.tenant import Shape, Tenant, TenantKind
from shared.arm.ids import ResourceId
from shared.errors import CallFailure, FailureKind
from shared.failovers.readiness.reader import ReadinessReader
from shared.failovers.vault.inventory import Inventory
from shared.readiness import ReadinessFinding
from shared.reads.timed import Memo
from tests.access.kit import MovedClock, Rows, registry_of
from tests.support.memory import MemoryTable

Json = dict[str, Any]
OURS, THEIRS, OTHERS = (f"{number * 8}-0000-4000-8000-000000000001" for number in ("a", "b", "c"))
MAIN = f"/subscriptions/{OURS}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/main"
OWN = f"/subscriptions/{THEIRS}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/own"
ELSEWHERE = f"/subscriptions/{OTHERS}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/elsewhere"
GROUP = f"/subscriptions/{THEIRS}/resourceGroups/dr"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/replicas"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
REGION = "westeurope"
PROVIDER = Tenant(
    name="provider", kind=TenantKind.PROVIDER, tenant_id="11111111-0000-4000-8000-000000000001", subscriptions=(OURS,), vault_id=MAIN
)
OTHER = Tenant(name="other", subscriptions=(OTHERS,), vault_id=ELSEWHERE)


def failure(status: int, code: str) -> CallFailure:
    """Azure's answer of this status."""
    kinds = {404: FailureKind.NOT_FOUND, 403: FailureKind.REFUSED, 429: FailureKind.THROTTLED}
    return CallFailure(kinds.get(status, FailureKind.IN_DOUBT), code=code, message=code, status=status)


class Azure:
    """What Azure has, by path in lower case: an object, or a list.

    `failing` paths raise, `never` is not answered; `reads` are the paths that were read.
    """

    def __init__(self, **documents: Json | list[Json]) -> None:
        self.documents: dict[str, Json | list[Json]] = {path.lower(): found for path, found in documents.items()}
        self.failing: dict[str, Exception] = {}
        self.never: str | None = None
        self.reads: list[str] = []

    def put(self, path: str, found: Json | list[Json]) -> None:
        """Have Azure answer this at a path."""
        self.documents[path.lower()] = found

    def list_of(self, path: str) -> list[Json]:
        """The list at a path, to change it."""
        found = self.documents[path.lower()]
        assert isinstance(found, list)
        return found

    async def _read(self, path: str) -> Any:
        path = path.lower()
        self.reads.append(path)
        if path in self.failing:
            raise self.failing[path]
        if path == self.never:
            await asyncio.Event().wait()
        if path not in self.documents:
            raise failure(404, "ResourceNotFound")
        return self.documents[path]

    async def children(self, parent: ResourceId, kind: str) -> list[Json]:
        if kind == "replicationProtectableItems":
            found: list[Json] = (
                await self._read(f"{parent}/{kind}") if f"{parent}/{kind}".lower() in {*self.documents, *self.failing} else []
            )
            return found
        listed: list[Json] = await self._read(f"{parent}/{kind}")
        return listed

    async def vault(self, vault: ResourceId) -> Json:
        found: Json = await self._read(str(vault))
        return found

    async def storage_account(self, account: ResourceId) -> Json:
        return await self.vault(account)

    async def network(self, network: ResourceId) -> Json | None:
        try:
            return await self.vault(network)
        except CallFailure as found:
            if found.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def resource_group(self, group: str) -> Json:
        found: Json = await self._read(group)
        return found

    async def subscriptions(self) -> list[Json]:
        found: list[Json] = await self._read("/subscriptions")
        return found


@dataclass
class Estate:
    """A tenant, the others of the registry, and Azure; of a thing that both have, the claim is another's."""

    tenant: Tenant
    azure: Azure
    vault: str
    others: tuple[Tenant, ...] = (OTHER,)

    def path(self, kind: str) -> str:
        """The path of a list of the tenant's vault."""
        return f"{self.vault}/{kind}"

    @property
    def container(self) -> str:
        """The tenant's cloud, or container of its machines."""
        return str(self.items[0]["id"]).partition("/replicationProtectedItems/")[0]

    @property
    def items(self) -> list[Json]:
        """Its protected items, to change them."""
        return self.azure.list_of(self.path("replicationProtectedItems"))

    @property
    def machines(self) -> list[Json]:
        """Its machines, to change them."""
        return self.azure.list_of(f"{self.container}/replicationProtectableItems")

    def details(self) -> Json:
        """The provider's details of its item, to change them."""
        found: Json = self.items[0]["properties"]["providerSpecificDetails"]
        return found

    async def findings(self, memo: Memo | None = None, *, tenant: Tenant | None = None) -> Sequence[ReadinessFinding]:
        """Judge a tenant, by default the one that the estate is about."""
        clock, judged = MovedClock(), tenant or self.tenant
        registry = registry_of(Rows(PROVIDER, *self.others, self.tenant), clock)
        inventory = Inventory(self.azure, registry)  # type: ignore[arg-type]  # a stand-in for the gateway
        packs = AzurePackSubscriptions(MemoryTable("packs"))  # type: ignore[arg-type]  # likewise
        reader = ReadinessReader(self.azure, inventory, registry, packs, clock)  # type: ignore[arg-type]  # likewise
        return (await reader.report(judged, memo or Memo(clock, 600))).findings


def estate_of(shape: Shape) -> Estate:
    """A healthy tenant of a shape."""
    shared = shape is Shape.SHARED
    vault = MAIN if shared else OWN
    fabric = f"{vault}/replicationFabrics/server"
    container = f"{fabric}/replicationProtectionContainers/blue"
    in_azure = shape is Shape.AZURE
    kind = {Shape.SITE: "HyperVSite", Shape.AZURE: "Azure"}.get(shape, "VMM")
    policy = made.make_policy(vault, "policy", {"instanceType": "A2A" if in_azure else "HyperVReplicaAzure", "replicationInterval": 300})
    one = made.make_hyper_v_fabric(fabric, "server", kind, made.PROVIDER_VERSION)
    agents = [] if in_azure else one.pop("providers")
    if in_azure:
        one["properties"]["customDetails"] = {"instanceType": "Azure", "location": "uksouth"}
    lists = {
        "replicationFabrics": [one],
        "replicationRecoveryServicesProviders": agents,
        "replicationPolicies": [policy],
        "replicationRecoveryPlans": [_plan(vault, container)],
        "replicationProtectionContainers": [made.make_container(container, "blue", kind)],
        "replicationProtectedItems": [_item(container, in_azure=in_azure)],
        "replicationProtectionContainerMappings": [made.make_mapping(container, "Microsoft Azure", policy["id"], "HyperVReplicaAzure")],
    }
    azure = Azure()
    for name, found in lists.items():
        azure.put(f"{vault}/{name}", found)
    azure.put(vault, {"id": vault, "location": REGION})
    azure.put(f"{ELSEWHERE}/replicationProtectedItems", [])
    if not shared:
        azure.put(f"{MAIN}/replicationProtectedItems", [])
    if not in_azure:
        azure.put(f"{container}/replicationProtectableItems", [made.make_unprotected(container, "web01", "HyperVVirtualMachine", ())])
    azure.put(ACCOUNT, {"id": ACCOUNT, "location": REGION, "sku": {"name": "Standard_GRS"}})
    azure.put(NETWORK, {"id": NETWORK, "location": REGION})
    azure.put(GROUP, {"id": GROUP, "location": REGION})
    azure.put("/subscriptions", [{"subscriptionId": one} for one in (OURS, THEIRS, OTHERS)])
    members: Json = {"clouds": (container,)} if shared else {"vault_id": OWN}
    tenant = Tenant(name="blue", tenant_id="22222222-0000-4000-8000-000000000002", subscriptions=(THEIRS,), **members)
    return Estate(tenant, azure, vault)


def _plan(vault: str, container: str) -> Json:
    member = {"id": f"{container}/replicationProtectedItems/web01", "virtualMachineId": "x"}
    groups = [{"groupType": "Boot", "replicationProtectedItems": [member]}]
    return {"id": f"{vault}/replicationRecoveryPlans/plan", "name": "plan", "properties": {"groups": groups}}


def _item(container: str, *, in_azure: bool) -> Json:
    details: Json = {"recoveryAzureResourceGroupId": GROUP, "selectedRecoveryAzureNetworkId": NETWORK}
    if in_azure:
        details |= {"instanceType": "A2A", "primaryFabricLocation": "uksouth", "recoveryFabricLocation": REGION}
    else:
        details |= {"instanceType": "HyperVReplicaAzure", "recoveryAzureStorageAccount": ACCOUNT}
    properties = {"friendlyName": "web01", "providerSpecificDetails": details}
    return {"id": f"{container}/replicationProtectedItems/web01", "name": "web01", "properties": properties}
