"""The sample estate: three tenants, twelve virtual machines, two regions (docs/design/simulation.md)."""

from datetime import datetime, timedelta

from local.simulation.arm.tables import Json
from local.simulation.ids import derived
from local.simulation.sample_vaults import provider_vault, tenant_vault
from local.simulation.times import to_text

LOCATIONS = ("westeurope", "northeurope")
TENANTS = (("provider", "Provider", "provider"), ("contoso", "Contoso", "tenant"), ("fabrikam", "Fabrikam", "tenant"))

_VAULTS = "Microsoft.RecoveryServices/vaults"
_CONTAINERS = f"{_VAULTS}/replicationFabrics/replicationProtectionContainers"
_ITEMS = f"{_CONTAINERS}/replicationProtectedItems"
_NETWORKS = f"{_VAULTS}/replicationFabrics/replicationNetworks"
#: What protected items and recovery plans can be asked for alike.
_ACTIONS = (
    "plannedFailover",
    "unplannedFailover",
    "testFailover",
    "testFailoverCleanup",
    "failoverCommit",
    "failoverCancel",
    "reProtect",
)

#: What the principal `farshore` may do: what the app's role in Azure allows, and no more.
ACTIONS = (
    "*/read",
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Compute/restorePointCollections/write",
    "Microsoft.Compute/restorePointCollections/delete",
    "Microsoft.Compute/restorePointCollections/restorePoints/write",
    "Microsoft.Compute/restorePointCollections/restorePoints/delete",
    "Microsoft.Compute/restorePointCollections/restorePoints/diskRestorePoints/beginGetAccess/action",
    "Microsoft.Compute/restorePointCollections/restorePoints/diskRestorePoints/endGetAccess/action",
    *(
        f"{_ITEMS}/{action}"
        for action in (
            "write",
            "delete",
            *(f"{each}/action" for each in (*_ACTIONS, "applyRecoveryPoint", "repairReplication", "remove")),
        )
    ),
    *(f"{_VAULTS}/replicationRecoveryPlans/{action}" for action in ("write", "delete", *(f"{each}/action" for each in _ACTIONS))),
    *(f"{_VAULTS}/replicationJobs/{action}/action" for action in ("resume", "restart", "cancel")),
    *(f"{_VAULTS}/replicationPolicies/{action}" for action in ("write", "delete")),
    *(f"{_CONTAINERS}/{action}/action" for action in ("switchprotection", "discoverProtectableItem")),
    *(f"{_CONTAINERS}/replicationProtectionContainerMappings/{action}" for action in ("write", "delete", "remove/action")),
    *(f"{_NETWORKS}/replicationNetworkMappings/{action}" for action in ("write", "delete")),
    f"{_VAULTS}/replicationFabrics/replicationRecoveryServicesProviders/refreshProvider/action",
)

#: Minutes of Azure's time that each disk of a machine takes to be copied: the first two of each tenant can be.
_COPYABLE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "provider": ((25, 40), (50, 90, 120)),
    "contoso": ((20, 35, 45), (60, 150)),
    "fabrikam": ((30,), (45, 60, 90, 100, 200)),
}

#: The other two: a name, whether it has a second disk, and what makes each impossible to copy.
_HINDERED: dict[str, tuple[tuple[str, Json, Json], tuple[str, Json, Json]]] = {
    "provider": (("cluster01", {}, {"maxShares": 2, "sku": "Premium_LRS"}), ("build01", {"ephemeral": True}, {})),
    "contoso": (("vault01", {}, {"networkAccessPolicy": "AllowPrivate"}), ("db01", {}, {"sku": "UltraSSD_LRS", "sizeGB": 256})),
    "fabrikam": (("cluster02", {}, {"maxShares": 3}), ("agent01", {"ephemeral": True}, {"sku": "StandardSSD_LRS"})),
}


#: What the principal `farshore` may do with secrets: its own vault's are its own, those of the tenants' vaults it reads.
_SECRETS_OFFICER = "Microsoft.KeyVault/vaults/secrets/*"
_SECRETS_USER = ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action")
#: The app's own key vault.
APP_VAULT = "farshore"


def subscription_id(tenant: str) -> str:
    """Return the GUID of a sample tenant's subscription."""
    return derived("sample subscription", tenant)


def sample_estate(now: datetime) -> Json:
    """Return the sample estate, its restore points some days before `now`."""
    estate: Json = {
        "seed": 1,
        **{
            name: []
            for name in ("tenants", "subscriptions", "resourceGroups", "virtualMachines", "disks", "virtualNetworks", "storageAccounts")
        },
        "restorePointCollections": [],
        "vaults": [],
        "principals": _principals(),
    }
    for name, display_name, kind in TENANTS:
        _add_tenant(estate, name, display_name, kind, now)
    estate["keyVaults"] = [{"id": key_vault_id(name), "location": LOCATIONS[0]} for name in (APP_VAULT, *(each[0] for each in TENANTS))]
    return estate


def key_vault_id(name: str) -> str:
    """Return the ARM id of a sample key vault: the app's own, or a tenant's by the tenant's name."""
    owner = TENANTS[0][0] if name == APP_VAULT else name
    group = f"/subscriptions/{subscription_id(owner)}/resourceGroups/{owner}-production"
    return f"{group}/providers/Microsoft.KeyVault/vaults/{name if name == APP_VAULT else f'kv-{name}'}"


def app_principal(scopes: list[str]) -> Json:
    """Return the principal `farshore`, the app's managed identity, with its actions at these scopes."""
    vaults = [
        {"scope": key_vault_id(APP_VAULT), "actions": [], "dataActions": [_SECRETS_OFFICER]},
        *({"scope": key_vault_id(name), "actions": [], "dataActions": list(_SECRETS_USER)} for name, _, _ in TENANTS),
    ]
    return {
        "id": derived("sample principal", "farshore"),
        "name": "farshore",
        "roleAssignments": [*({"scope": scope, "actions": list(ACTIONS)} for scope in scopes), *vaults],
    }


def _principals() -> list[Json]:
    scopes = [f"/subscriptions/{subscription_id(name)}" for name, _, _ in TENANTS]
    return [
        app_principal(scopes),
        {
            "id": derived("sample principal", "reader"),
            "name": "reader",
            "roleAssignments": [{"scope": scopes[0], "actions": ["*/read"]}],
        },
        {
            "id": derived("sample principal", "operator"),
            "name": "operator",
            "roleAssignments": [{"scope": scope, "actions": ["*"]} for scope in scopes],
        },
        {"id": derived("sample principal", "stranger"), "name": "stranger", "roleAssignments": []},
    ]


def _add_tenant(estate: Json, tenant: str, display_name: str, kind: str, now: datetime) -> None:
    subscription, entra = subscription_id(tenant), derived("sample tenant", tenant)
    scope = f"/subscriptions/{subscription}/resourceGroups"
    vault = f"{scope}/{tenant}-recovery/providers/Microsoft.RecoveryServices/vaults/{tenant}-vault"
    estate["tenants"].append(
        {
            "name": tenant,
            "displayName": display_name,
            "kind": kind,
            "tenantId": entra,
            "subscriptions": [subscription],
            "vaultId": vault,
            "settings": {"twoPersonRule": tenant == TENANTS[-1][0], "blastRadius": 250},
        }
    )
    estate["subscriptions"].append({"id": subscription, "tenantId": entra, "locations": list(LOCATIONS), "displayName": display_name})
    estate["vaults"].append(_vault(vault, tenant, kind, f"{scope}/{tenant}-production/providers/Microsoft.Compute", now))
    for group, location in (("production", LOCATIONS[0]), ("recovery", LOCATIONS[1])):
        estate["resourceGroups"].append({"id": f"{scope}/{tenant}-{group}", "location": location})
    if kind == "provider":
        replicas = f"{scope}/{tenant}-recovery/providers/Microsoft.Storage/storageAccounts/{tenant}replicas"
        estate["storageAccounts"].append({"id": replicas, "location": LOCATIONS[1], "sku": "Standard_GRS"})
    for location in LOCATIONS:
        for name, prefix in ((f"{tenant}-{location}", "10.10"), (f"drill-{tenant}-{location}", "10.99")):
            estate["virtualNetworks"].append(
                {
                    "id": f"{scope}/{tenant}-recovery/providers/Microsoft.Network/virtualNetworks/{name}",
                    "location": location,
                    "addressPrefixes": [f"{prefix}.0.0/16"],
                    "subnets": [{"name": "default", "addressPrefix": f"{prefix}.0.0/24"}],
                    "tags": {"isolated": "true"} if name.startswith("drill-") else {},
                }
            )
    compute = f"{scope}/{tenant}-production/providers/Microsoft.Compute"
    for index, minutes in enumerate(_COPYABLE[tenant]):
        disks: list[Json] = [{"copyMinutes": each, "sizeGB": 128 if number == 0 else 64} for number, each in enumerate(minutes)]
        if index == 0:
            disks = [{**disk, "coarse": False} for disk in disks]  # a copy to look at shows its way
        name = f"{tenant}-{('web01', 'app01')[index]}"
        _add_machine(estate, compute, name, LOCATIONS[index], disks)
        _add_restore_points(estate, compute, name, LOCATIONS[index], now)
    for index, (name, os_disk, data_disk) in enumerate(_HINDERED[tenant]):
        disks = [{"sizeGB": 128, **os_disk}] + ([{"sizeGB": 64, **data_disk}] if data_disk else [])
        _add_machine(estate, compute, f"{tenant}-{name}", LOCATIONS[index], disks)


def _vault(vault: str, tenant: str, kind: str, compute: str, now: datetime) -> Json:
    if kind == "provider":
        return provider_vault(vault, LOCATIONS[1], now)
    # the third machine is one that only its protected item names
    machines = [f"{compute}/virtualMachines/{tenant}-{name}" for name in ("web01", _HINDERED[tenant][0][0], "erp01")]
    return tenant_vault(vault, tenant, LOCATIONS, machines, now)


def _add_machine(estate: Json, compute: str, name: str, location: str, disks: list[Json]) -> None:
    ids = [f"{compute}/disks/{name}-{'os' if index == 0 else f'data{index}'}" for index in range(len(disks))]
    for index, disk in enumerate(disks):
        estate["disks"].append({"id": ids[index], "location": location, **({"osType": "Windows"} if index == 0 else {}), **disk})
    estate["virtualMachines"].append(
        {"id": f"{compute}/virtualMachines/{name}", "location": location, "disks": ids, "size": "Standard_D4s_v3", "osType": "Windows"}
    )


def _add_restore_points(estate: Json, compute: str, name: str, location: str, now: datetime) -> None:
    collection = f"{compute}/restorePointCollections/{name}-points"
    points = []
    for number, days in enumerate((3, 2, 1), start=1):
        taken = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        points.append(
            {
                "id": f"{collection}/restorePoints/{name}-{number:03}",
                "timeCreated": to_text(taken),
                "startedAt": to_text(taken),
                "finishedAt": to_text(taken + timedelta(minutes=1)),
                "consistencyMode": "ApplicationConsistent",
            }
        )
    source = f"{compute}/virtualMachines/{name}"
    estate["restorePointCollections"].append({"id": collection, "location": location, "source": source, "restorePoints": points})
