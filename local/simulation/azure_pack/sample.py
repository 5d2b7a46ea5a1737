"""The sample installation `pack`: two clouds, five plans, and users of which one belongs to no tenant (docs/azure-pack.md)."""

from local.simulation.arm.tables import Json
from local.simulation.azure_pack.quotas import Limits, clouds_xml
from local.simulation.ids import derived

STAMP = derived("azure pack stamp", "pack")
CLOUDS = tuple(derived("azure pack cloud", name) for name in ("gold", "silver"))
SUBSCRIPTION = derived("azure pack subscription", "northwind")
OWNER = "admin@northwind.example"
NOTHING: Limits = {"VMCount": 0, "CPUCount": 0, "MemoryMB": 0, "StorageGB": 0}
SMALL: Limits = {"VMCount": 2, "CPUCount": 2, "MemoryMB": 4096, "StorageGB": 100}
UNLIMITED: Limits = {"VMCount": None, "CPUCount": None, "MemoryMB": None, "StorageGB": None}
PERSONAL: Limits = {"VMCount": 10, "CPUCount": 16, "MemoryMB": 32768, "StorageGB": 1000}
#: Passwords of the sample, for one machine: no installation has them.
PASSWORD = "Sample-Passw0rd!"  # noqa: S105
INSTANCE = derived("azure pack service instance", "systemcenter")


def sample_installation() -> Json:
    """Return the installation as the estate has it."""
    return {
        "name": "pack",
        "plans": [
            _plan("Gold", CLOUDS[0], NOTHING, add_ons=("backup", "databases", "northwind")),
            _plan("Silver", CLOUDS[1], SMALL),
            _plan("Boundless", CLOUDS[0], UNLIMITED),
            _plan("Retired", CLOUDS[0], NOTHING, state=2),
            _plan("Single", CLOUDS[0], NOTHING, most=1),
        ],
        "addOns": [
            _add_on("backup", "Backup", state=1),
            _add_on("databases", "Databases", state=1),
            _add_on("northwind", "northwind", state=0, limits=PERSONAL),
        ],
        "users": [_user(name) for name in (OWNER, "noone@example.com")],
        "accounts": [
            {"name": OWNER, "password": PASSWORD, "site": "tenant"},
            {"name": "farshore", "password": PASSWORD, "site": "admin"},
        ],
        "subscriptions": [_subscription()],
        "objects": [_object(kind, entity) for kind, entity in _objects()],
        "gallery": [{"Name": "WebServer", "Publisher": "Contoso", "Version": "1.0.0.0", "Description": "A web server that scales."}],
    }


def with_azure_pack(estate: Json) -> Json:
    """Return an estate with the installation, and with the tenant whose subscription it has, before the last of its tenants."""
    tenant = {
        "name": "northwind", "displayName": "Northwind", "kind": "tenant", "tenantId": derived("entra tenant", "northwind"),
        "backend": "azurePack",
    }  # fmt: skip
    tenants = list(estate.get("tenants", []))
    if all(one["name"] != "northwind" for one in tenants):
        tenants.insert(max(0, len(tenants) - 1), tenant)
    return estate | {"azurePack": [sample_installation()], "tenants": tenants}


def _plan(name: str, cloud: str, limits: Limits, *, state: int = 1, most: int = -1, add_ons: tuple[str, ...] = ()) -> Json:
    return {
        "Id": f"{name}-plan".lower(),
        "DisplayName": name,
        "Description": None,
        "State": state,
        "ConfigState": 1,
        "QuotaSyncState": 0,
        "LastErrorMessage": None,
        "MaxSubscriptionsPerAccount": most,
        "AddOnReferences": [{"AddOnId": each} for each in add_ons],
        "ServiceQuotas": [_quota(cloud, limits)],
        "SubscriptionCount": 0,
    }


def _quota(cloud: str, limits: Limits) -> Json:
    return {
        "ServiceName": "systemcenter",
        "ServiceInstanceId": INSTANCE,
        "ServiceDisplayName": "Virtual Machine Clouds",
        "ConfigState": 1,
        "QuotaSyncState": 0,
        "Settings": [{"Key": "Clouds", "Value": clouds_xml(cloud, STAMP, limits)}],
    }


def _add_on(id_: str, name: str, *, state: int, limits: Limits | None = None) -> Json:
    return {
        "Id": id_,
        "DisplayName": name,
        "Description": None,
        "State": state,
        "ConfigState": 1,
        "QuotaSyncState": 0,
        "LastErrorMessage": None,
        "MaxOccurrencesPerPlan": 1,
        "AssociatedPlans": ["gold-plan"],
        "ServiceQuotas": [] if limits is None else [_quota(CLOUDS[0], limits)],
    }


def _user(name: str) -> Json:
    return {
        "Name": name,
        "Email": name,
        "State": 1,
        "CreatedDate": "2020-01-01T00:00:00Z",
        "SubscriptionCount": 0,
        "ActivationSyncState": 0,
    }


def _subscription() -> Json:
    return {
        "SubscriptionID": SUBSCRIPTION,
        "SubscriptionName": "Northwind",
        "AccountAdminLiveEmailId": OWNER,
        "ServiceAdminLiveEmailId": OWNER,
        "CoAdminNames": [],
        "AddOnReferences": [
            {
                "AddOnId": "northwind",
                "AddOnInstanceId": derived("add-on instance", SUBSCRIPTION, "northwind"),
                "AcquisitionTime": "2020-01-01T00:00:00Z",
            }
        ],
        "AddOns": [],
        "State": 1,
        "QuotaSyncState": 0,
        "ActivationSyncState": 0,
        "PlanId": "gold-plan",
        "Services": [{"Type": "systemcenter", "State": "Registered", "QuotaSyncState": 0, "ActivationSyncState": 0}],
        "LastErrorMessage": None,
        "Features": None,
        "OfferFriendlyName": "Gold",
        "OfferCategory": None,
        "Created": "2020-01-01T00:00:00Z",
        "_inForce": PERSONAL,
    }


def _object(kind: str, entity: Json) -> Json:
    return {"key": f"{kind}/{entity['ID']}", "set": kind, "entity": entity}


def _entity(kind: str, name: str, **members: object) -> tuple[str, Json]:
    return kind, {"ID": derived("azure pack", kind, name), "StampId": STAMP, "Name": name, **members}


def _objects() -> list[tuple[str, Json]]:
    logical = [_entity("LogicalNetworks", name) for name in ("Inside", "Outside")]
    inside, outside = (entity["ID"] for _, entity in logical)
    networks = [
        _entity("VMNetworks", "Office", LogicalNetworkId=inside, LogicalNetworkName="Inside", Description="", _gateway=True),
        ("VMNetworks", _shared_name("first", inside, "Inside")),
        ("VMNetworks", _shared_name("second", outside, "Outside")),
    ]
    subnets = [
        _entity("VMSubnets", f"subnet {number}", Subnet=f"10.{number}.0.0/24", VMNetworkId=entity["ID"])
        for number, (_, entity) in enumerate(networks, 1)
    ]
    gateway = [
        _entity("VMNetworkGateways", "Office gateway", VMNetworkId=networks[0][1]["ID"]),
        _entity("NATConnections", "Office NAT", VMNetworkGatewayId=derived("azure pack", "VMNetworkGateways", "Office gateway")),
    ]
    clouds = [
        ("Clouds", {"ID": id_, "StampId": STAMP, "Name": name, "Description": ""})
        for id_, name in zip(CLOUDS, ("Gold", "Silver"), strict=True)
    ]
    templates = [
        _entity(
            "VMTemplates",
            "Windows Server",
            OperatingSystem="Windows Server 2012 R2",
            CPUCount=2,
            Memory="4096",
            TotalSize=str(40 << 30),
            Generation=1,
            CloudID=CLOUDS[0],
            _adapters=1,
        ),
        _entity(
            "VMTemplates",
            "Ubuntu",
            OperatingSystem="Ubuntu Linux 14.04 (64 bit)",
            CPUCount=1,
            Memory="1024",
            TotalSize=str(20 << 30),
            Generation=1,
            CloudID=CLOUDS[0],
            _adapters=2,
        ),
    ]
    disks = [
        _entity("VirtualHardDisks", "centos.vhdx", OperatingSystem="CentOS Linux 7 (64 bit)", MaximumSize=str(30 << 30), Size=str(2 << 30))
    ]
    profiles = [
        _entity("HardwareProfiles", "Small", CPUCount=1, Memory="1024"),
        _entity("HardwareProfiles", "Large", CPUCount=4, Memory="8192"),
    ]
    machines = [
        _machine(name, state) for name, state in (("web-1", "Running"), ("web-2", "Running"), ("batch", "Stopped"), ("desk", "Paused"))
    ]
    return [*clouds, *logical, *networks, *subnets, *gateway, *templates, *disks, *profiles, *machines]


def _shared_name(which: str, logical: str, logical_name: str) -> Json:
    entity = _entity("VMNetworks", which, LogicalNetworkId=logical, LogicalNetworkName=logical_name, Description="")[1]
    return entity | {"Name": "Shared", "_gateway": False}


def _machine(name: str, state: str) -> tuple[str, Json]:
    return _entity(
        "VirtualMachines",
        name,
        StatusString=state,
        VirtualMachineState=state,
        CloudId=CLOUDS[0],
        CPUCount=1,
        Memory="1024",
        TotalSize=str(20 << 30),
        ComputerName=name,
        OperatingSystem="Ubuntu Linux 14.04 (64 bit)",
        Description="",
        Tag="(none)",
        CostCenter="",
        Owner={"UserName": OWNER, "RoleName": f"{OWNER}_{SUBSCRIPTION}", "RoleID": SUBSCRIPTION},
        AddedTime="2020-01-01T00:00:00Z",
        MostRecentTaskId=None,
        _integration=name != "web-2",
    )
