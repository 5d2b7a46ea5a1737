"""The sample estate: three tenants, twelve virtual machines, two regions (docs/design/simulation.md)."""

from datetime import datetime, timedelta

from local.simulation.arm.tables import Json
from local.simulation.ids import derived
from local.simulation.sample_vaults import provider_vault, tenant_vault
from local.simulation.times import to_text

LOCATIONS = ("westeurope", "northeurope")
#: The hosting plan of the sample.
PLAN = "standard"
#: A subscription that no tenant has.
SPARE = "spare"
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

_CHANGES = ("write", "delete")

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
    # of tenants' machines, and of restores
    *(f"Microsoft.Compute/{kind}/{action}" for kind in ("virtualMachines", "disks", "images", "availabilitySets") for action in _CHANGES),
    *(f"Microsoft.Compute/disks/{action}/action" for action in ("beginGetAccess", "endGetAccess")),
    *(
        f"Microsoft.Compute/virtualMachines/{action}/action"
        for action in ("start", "powerOff", "restart", "deallocate", "generalize", "attachDetachDataDisks")
    ),
    *(
        f"Microsoft.Network/{kind}/{action}"
        for kind in ("networkInterfaces", "networkSecurityGroups", "publicIPAddresses")
        for action in (*_CHANGES, "join/action")
    ),
    *(
        f"Microsoft.Network/{kind}/{action}"
        for kind in (
            "networkSecurityGroups/securityRules",
            "loadBalancers",
            "loadBalancers/inboundNatRules",
            "loadBalancers/backendAddressPools",
        )
        for action in _CHANGES
    ),
    "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
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
            for name in ("tenants", "subscriptions", "resourceGroups", "virtualMachines", "disks", "virtualNetworks", "networkInterfaces")
        },
        "storageAccounts": [],
        "hostingPlans": [_hosting_plan()],
        "restorePointCollections": [],
        "vaults": [],
        "principals": _principals(),
    }
    for name, display_name, kind in TENANTS:
        _add_tenant(estate, name, display_name, kind, now)
    _add_spare_subscription(estate)
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
        app_principal([*scopes, f"/subscriptions/{subscription_id(SPARE)}"]),
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
    if kind == "tenant":
        networks = f"{scope}/{tenant}-recovery/providers/Microsoft.Network/virtualNetworks"
        estate["tenants"][-1] |= {
            "plan": PLAN,
            "region": LOCATIONS[0],
            "networks": [{"region": each, "subnetId": f"{networks}/{tenant}-{each}/subnets/default"} for each in LOCATIONS],
            "storageAccounts": [f"{scope}/{tenant}-production/providers/Microsoft.Storage/storageAccounts/{tenant}blobs"],
        }
    estate["subscriptions"].append({"id": subscription, "tenantId": entra, "locations": list(LOCATIONS), "displayName": display_name})
    estate["vaults"].append(_vault(vault, tenant, kind, f"{scope}/{tenant}-production/providers/Microsoft.Compute", now))
    for group, location in (("production", LOCATIONS[0]), ("recovery", LOCATIONS[1])):
        estate["resourceGroups"].append({"id": f"{scope}/{tenant}-{group}", "location": location})
    blobs = f"{scope}/{tenant}-production/providers/Microsoft.Storage/storageAccounts/{tenant}blobs"
    estate["storageAccounts"].append(_account_with_blob(blobs))
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
        _add_machine(estate, compute, name, LOCATIONS[index], disks, tier="gold")
        _add_restore_points(estate, compute, name, LOCATIONS[index], now)
    for index, (name, os_disk, data_disk) in enumerate(_HINDERED[tenant]):
        disks = [{"sizeGB": 128, **os_disk}] + ([{"sizeGB": 64, **data_disk}] if data_disk else [])
        _add_machine(estate, compute, f"{tenant}-{name}", LOCATIONS[index], disks, tier="bronze")


def _add_spare_subscription(estate: Json) -> None:
    """Add a subscription with what a new tenant needs: a network in each region, a vault without items, a storage account with a blob."""
    subscription = subscription_id(SPARE)
    group = f"/subscriptions/{subscription}/resourceGroups/{SPARE}"
    estate["subscriptions"].append(
        {"id": subscription, "tenantId": derived("sample tenant", SPARE), "locations": list(LOCATIONS), "displayName": "Spare"}
    )
    estate["resourceGroups"].append({"id": group, "location": LOCATIONS[0]})
    for location in LOCATIONS:
        estate["virtualNetworks"].append(
            {
                "id": f"{group}/providers/Microsoft.Network/virtualNetworks/{SPARE}-{location}",
                "location": location,
                "addressPrefixes": ["10.20.0.0/16"],
                "subnets": [{"name": "default", "addressPrefix": "10.20.0.0/24"}],
            }
        )
    estate["vaults"].append({"id": f"{group}/providers/Microsoft.RecoveryServices/vaults/{SPARE}-vault", "location": LOCATIONS[1]})
    estate["storageAccounts"].append(_account_with_blob(f"{group}/providers/Microsoft.Storage/storageAccounts/{SPARE}blobs"))


def _hosting_plan() -> Json:
    windows = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter-azure-edition", "version": "latest"}
    ubuntu = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    return {
        "name": PLAN,
        "displayName": "Standard",
        "regions": list(LOCATIONS),
        "sizes": [{"name": "Small", "size": "Standard_D2s_v5"}, {"name": "Medium", "size": "Standard_D4s_v5"}],
        "images": [
            {"name": "windows-2022", "label": "Windows Server 2022", "reference": windows},
            {"name": "ubuntu-24", "label": "Ubuntu 24.04", "reference": ubuntu},
        ],
        "quotas": {"virtualMachines": 50, "cores": 200},
    }


def _account_with_blob(account_id: str) -> Json:
    host = f"https://{account_id.rsplit('/', 1)[-1]}.blob.core.windows.net"
    return {"id": account_id, "location": LOCATIONS[0], "sku": "Standard_LRS", "blobs": [{"uri": f"{host}/vhds/data.vhd", "sizeGB": 20}]}


def _vault(vault: str, tenant: str, kind: str, compute: str, now: datetime) -> Json:
    if kind == "provider":
        return provider_vault(vault, LOCATIONS[1], now)
    # the third machine is one that only its protected item names
    machines = [f"{compute}/virtualMachines/{tenant}-{name}" for name in ("web01", _HINDERED[tenant][0][0], "erp01")]
    return tenant_vault(vault, tenant, LOCATIONS, machines, now)


def _add_machine(estate: Json, compute: str, name: str, location: str, disks: list[Json], *, tier: str) -> None:
    ids = [f"{compute}/disks/{name}-{'os' if index == 0 else f'data{index}'}" for index in range(len(disks))]
    for index, disk in enumerate(disks):
        estate["disks"].append({"id": ids[index], "location": location, **({"osType": "Windows"} if index == 0 else {}), **disk})
    tenant = name.partition("-")[0]
    group, _, _ = compute.partition("/providers/")
    network = f"{group.removesuffix('production')}recovery/providers/Microsoft.Network/virtualNetworks/{tenant}-{location}"
    interface = f"{group}/providers/Microsoft.Network/networkInterfaces/{name}-nic"
    number = sum(each["location"] == location and each["id"].startswith(group) for each in estate["networkInterfaces"])
    estate["networkInterfaces"].append(
        {
            "id": interface,
            "location": location,
            "properties": {
                "ipConfigurations": [
                    {
                        "name": "first",
                        "properties": {
                            "subnet": {"id": f"{network}/subnets/default"},
                            "privateIPAddress": f"10.10.0.{4 + number}",
                            "privateIPAllocationMethod": "Dynamic",
                            "privateIPAddressVersion": "IPv4",
                            "primary": True,
                        },
                    }
                ]
            },
        }
    )
    estate["virtualMachines"].append(
        {
            "id": f"{compute}/virtualMachines/{name}",
            "location": location,
            "disks": ids,
            "size": "Standard_D4s_v3",
            "osType": "Windows",
            "networkInterfaces": [interface],
            "tags": {"env": "production" if tier == "gold" else "test", "tier": tier},
        }
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
