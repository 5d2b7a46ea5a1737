"""The nine readiness checks of a tenant (docs/azure/site-recovery.md, "Hosters and CSP partners").

What is not known has the result unknown, with the reason, and never counts as a pass.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.access.records.tenant import Backend, Shape
from shared.capability import ReadinessFinding
from shared.failovers.vault.facts import ProviderFacts
from shared.failovers.vault.limits import Machine, frequency_check, machine_faults, version_check
from shared.values.checks import CheckResult

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_PASS, _WARNING, _FAILURE, _UNKNOWN = CheckResult.PASS, CheckResult.WARNING, CheckResult.FAILURE, CheckResult.UNKNOWN


@dataclass(frozen=True, slots=True)
class Owner:
    """A tenant of the registry: its Entra tenant and its subscriptions."""

    name: str
    tenant_id: str | None
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource that is a target: ARM id, subscription, region (ARM's name, None unknown); `used_by` are the tenants that name it.

    `sku` and `classic` are a storage account's.
    """

    id: str
    kind: str
    subscription: str
    region: str | None
    used_by: tuple[str, ...] = ()
    sku: str | None = None
    classic: bool = False


@dataclass(frozen=True, slots=True)
class Cloud:
    """A VMM cloud of the tenant, and how many machines Site Recovery lists in it; it lists neither host groups nor hosts."""

    name: str
    machines: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The known set-up of a tenant; what is None was not read, and `unread` has Azure's code of it by its name here.

    `shape` is what the vault shows, `registered` what the registry has. `claimed_elsewhere` are those of the tenant's ids that another
    tenant has claimed. `lost_clouds` are ids of clouds that the registry maps to it and the vault has not. `source_regions` are those of
    machines in Azure. Without a vault (`vault_subscription` None) nothing of it is known.
    """

    tenant: Owner
    provider: Owner
    vault_subscription: str | None
    vault_region: str | None = None
    shape: Shape | None = None
    registered: Shape | None = None
    backend: Backend = Backend.RESOURCE_MANAGER
    claimed_elsewhere: frozenset[str] = frozenset()
    targets: tuple[Placed, ...] = ()
    source_regions: frozenset[str] = frozenset()
    clouds: tuple[Cloud, ...] | None = None
    lost_clouds: tuple[str, ...] = ()
    providers: tuple[ProviderFacts, ...] | None = None
    frequencies: tuple[int, ...] | None = None
    machines: tuple[Machine, ...] | None = None
    plans: int | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_azure(self) -> bool:
        """Whether its machines run in Azure."""
        return self.shape is Shape.AZURE

    @property
    def vmm(self) -> bool:
        """Whether a VMM server manages its hosts."""
        return self.shape in {Shape.SHARED, Shape.DEDICATED}

    def why(self, what: str) -> str:
        """Return why something was not read, for a message."""
        return f" ({self.unread[what]})" if what in self.unread else ""


def assess(setup: Setup) -> tuple[ReadinessFinding, ...]:
    """Run the nine checks in order; each is there at least once."""
    if setup.vault_subscription is None:
        return (*_vault(setup), *_owners(setup), *_without_vault(setup))
    found = (_vault, _owners, _regions, _storage, _clouds, _versions, _frequencies, _machines, _failover)
    return tuple(check for run in found for check in run(setup))


def _without_vault(setup: Setup) -> Iterator[ReadinessFinding]:
    pack = setup.backend is Backend.AZURE_PACK
    message = "the tenant is on Azure Pack: nothing of it is protected in Azure" if pack else "no vault is named"
    for number, name in list(_NAMES.items())[2:]:
        yield _check(number, name, setup.tenant.name, _PASS if pack else _UNKNOWN, message)


def _vault(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.vault_subscription is None:
        yield _check(1, "vault", name, _PASS, "no vault is named, so none lies in a wrong subscription")
    elif _has(setup.provider, setup.vault_subscription):
        yield from _of_shape(setup, "the vault lies in the provider's own subscription")
    elif setup.shape is Shape.SHARED:
        message = "one server serves several tenants, so its vault must lie in the provider's own subscription, and it does not"
        yield _check(1, "vault", name, _FAILURE, message)
    else:
        yield from _of_shape(setup, "the tenant has a server of its own: the vault may lie in any subscription")


def _of_shape(setup: Setup, fine: str) -> Iterator[ReadinessFinding]:
    if setup.shape is not None and setup.registered not in {None, setup.shape}:
        message = f"the vault shows the shape '{setup.shape}', the registry has '{setup.registered}'"
        yield _check(1, "vault", setup.tenant.name, _WARNING, message)
    else:
        yield _check(1, "vault", setup.tenant.name, _PASS, fine)


def _owners(setup: Setup) -> Iterator[ReadinessFinding]:
    tenant, ids = setup.tenant, (setup.tenant.tenant_id, *setup.tenant.subscriptions)
    faults = [f"'{one}' is no GUID" for one in ids if one is not None and _GUID.fullmatch(one) is None]
    faults += [f"{one} belongs to another tenant" for one in ids if one and one.lower() in setup.claimed_elsewhere]
    faults += [
        f"the {target.kind} {target.id} lies in another subscription than the tenant's"
        for target in setup.targets
        if not _has(tenant, target.subscription)
    ]
    if not tenant.subscriptions and setup.backend is not Backend.AZURE_PACK:
        faults.append("it has no subscription")
    yield _of(2, "owners", tenant.name, faults, "its tenant id and subscriptions are its own, and hold its targets")


def _regions(setup: Setup) -> Iterator[ReadinessFinding]:
    name, regions = setup.tenant.name, {target.region for target in setup.targets}
    if not setup.targets:
        yield _check(3, "regions", name, _UNKNOWN, "no target is known yet")
    elif setup.vault_region is None or None in regions:
        yield _check(3, "regions", name, _UNKNOWN, "the region of the vault or of a target was not read")
    elif setup.in_azure:
        faults = [f"the targets are in {len(regions)} regions: {', '.join(sorted(filter(None, regions)))}"] if len(regions) > 1 else []
        if setup.vault_region in setup.source_regions:
            faults.append(f"the vault is in {setup.vault_region}, where the machines are: it would be lost with them")
        yield _of(3, "regions", name, faults, "all targets are in one region, and the vault is not where the machines are")
    else:
        away = [
            f"the {target.kind} {target.id} is in {target.region}, the vault in {setup.vault_region}"
            for target in setup.targets
            if target.region != setup.vault_region
        ]
        yield _of(3, "regions", name, away, "the vault and all targets are in one region")


def _storage(setup: Setup) -> Iterator[ReadinessFinding]:
    accounts = [target for target in setup.targets if target.kind == "storage account"]
    if not accounts and setup.in_azure:
        yield _check(4, "storage", setup.tenant.name, _PASS, "its machines run in Azure: no account of its own is needed")
    elif not accounts:
        yield _check(4, "storage", setup.tenant.name, _UNKNOWN, "no storage account is known")
    for account in accounts:
        sku, sharing = (account.sku or "").upper(), sorted(set(account.used_by) - {setup.tenant.name})
        if account.classic:
            result, message = _FAILURE, "it is a classic account: Resource Manager's are needed"
        elif sharing:
            result, message = _FAILURE, "other tenants use it too: each needs its own"
        elif not sku:
            result, message = _UNKNOWN, f"its redundancy was not read{setup.why(account.id)}"
        elif "GRS" in sku or "GZRS" in sku:
            result, message = _PASS, f"only the tenant uses it, and it is geo-redundant ({account.sku})"
        else:
            result, message = _WARNING, f"it is {account.sku}, not geo-redundant (an error in the guide of 2015)"
        yield _check(4, "storage", account.id, result, message)


def _clouds(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.clouds is None:
        yield _check(5, "cloud", name, _UNKNOWN, f"the containers were not read{setup.why('clouds')}")
        return
    for lost in setup.lost_clouds:
        yield _check(5, "cloud", lost, _FAILURE, "the registry maps this cloud to it, and the vault has no such cloud")
    if not setup.vmm:
        yield _check(5, "cloud", name, _PASS, "there is no VMM, and so there are no clouds")
        return
    message = (
        "Microsoft takes no new VMM-to-Azure onboardings since November 2019: existing ones keep working; new ones need a Hyper-V site"
    )
    yield _check(5, "cloud", name, _WARNING, message)
    if len(setup.clouds) != 1:
        unmapped = ": the registry maps none to it" if setup.shape is Shape.SHARED and not setup.clouds else ""
        yield _check(5, "cloud", name, _FAILURE, f"it has {len(setup.clouds)} clouds; exactly one is needed{unmapped}")
    for cloud in setup.clouds:
        if cloud.machines == 0:
            yield _check(5, "cloud", cloud.name, _FAILURE, "it has no VM")
        else:
            message = f"it has {cloud.machines} VMs, and so a host in a host group: Site Recovery lists neither"
            yield _check(5, "cloud", cloud.name, _PASS, message)


def _versions(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.in_azure:
        yield _check(6, "providerVersion", name, _PASS, "its machines run in Azure, and need no provider")
        return
    if setup.providers is None:
        yield _check(6, "providerVersion", name, _UNKNOWN, f"the providers were not read{setup.why('providers')}")
    elif not setup.providers:
        yield _check(6, "providerVersion", name, _FAILURE, "no provider is registered")
    for provider in setup.providers or ():
        yield _check(6, "providerVersion", provider.name, *version_check(provider))


def _frequencies(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.in_azure:
        yield _check(7, "copyFrequency", name, _PASS, "its machines run in Azure, where changes are copied all the time")
        return
    if setup.frequencies is None:
        yield _check(7, "copyFrequency", name, _UNKNOWN, f"the replication policies were not read{setup.why('policies')}")
    elif not setup.frequencies:
        yield _check(7, "copyFrequency", name, _UNKNOWN, "its containers are mapped to no replication policy")
    for seconds in setup.frequencies or ():
        yield _check(7, "copyFrequency", name, *frequency_check(seconds))


def _machines(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.in_azure:
        yield _check(8, "machines", name, _PASS, "its machines run in Azure, where these limits hold already")
        return
    if setup.machines is None:
        yield _check(8, "machines", name, _UNKNOWN, f"the machines were not read{setup.why('machines')}")
    elif not setup.machines:
        yield _check(8, "machines", name, _UNKNOWN, "no VM is known")
    for machine in setup.machines or ():
        faults = machine_faults(machine)
        reported = (machine.generation, machine.os_disk_gb, machine.data_disks_gb, machine.shared_vhd, machine.fibre_channel)
        if not faults and None in reported:
            message = (
                "the host does not report its generation, the sizes of its disks, or whether it has shared VHDs or Fibre Channel adapters"
            )
            yield _check(8, "machines", machine.name, _UNKNOWN, message)
        else:
            fine = "it keeps within Azure's limits; check on the host for BitLocker, which it does not report"
            yield _of(8, "machines", machine.name, faults, fine)


def _failover(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.plans is None:
        yield _check(9, "recoveryPlans", name, _UNKNOWN, f"the recovery plans were not read{setup.why('plans')}")
    elif setup.plans == 0:
        yield _check(9, "recoveryPlans", name, _WARNING, "it has no recovery plan: each VM is failed over on its own")
    else:
        message = f"it has {setup.plans} recovery plans, and each VM can be failed over on its own"
        yield _check(9, "recoveryPlans", name, _PASS, message)


def _has(owner: Owner, subscription: str) -> bool:
    return subscription.lower() in {one.lower() for one in owner.subscriptions}


def _of(number: int, name: str, target: str, faults: Iterable[str], fine: str) -> ReadinessFinding:
    message: Sequence[str] = tuple(faults)
    return _check(number, name, target, _FAILURE if message else _PASS, "; ".join(message) or fine)


def _check(number: int, name: str, target: str, result: CheckResult, message: str) -> ReadinessFinding:
    action = None if result is _PASS else _READ_AGAIN if result is _UNKNOWN else _ACTIONS[number]
    return ReadinessFinding(number, name, target, result, message, action)


_NAMES = {
    1: "vault",
    2: "owners",
    3: "regions",
    4: "storage",
    5: "cloud",
    6: "providerVersion",
    7: "copyFrequency",
    8: "machines",
    9: "recoveryPlans",
}
_READ_AGAIN = "Look at what the message names in Azure, give this app the right to read it, and read again."
_ACTIONS = {
    1: "Register the servers in a vault of the provider's subscription, or correct the tenant's shape.",
    2: "Correct the tenant's ids and subscriptions with PUT /tenants/{tenant}, or move its targets into them.",
    3: "Move the targets or the vault, so that they are in one region and not in that of machines in Azure.",
    4: "Give the tenant a geo-redundant storage account of its own.",
    5: "Map exactly one cloud with VMs to the tenant; protect new tenants through a Hyper-V site.",
    6: "Install the newest Azure Site Recovery provider on the server.",
    7: "Change the replication policy to 30 or 300 seconds.",
    8: "Change the machine, so that it keeps within the limits.",
    9: "Create a recovery plan, if the machines depend on one another.",
}
