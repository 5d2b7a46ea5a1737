"""The nine readiness checks of a tenant (docs/azure/site-recovery.md, "Hosters and CSP partners").

What is not known has the result unknown, with the reason, and never counts as a pass.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    """A VMM cloud: its tenant and its contents; None where VMM does not report them."""

    name: str
    tenant: str | None
    host_groups: int | None = None
    hosts: int | None = None
    machines: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The known set-up of a tenant.

    `shared` is the shape in which one VMM server serves many tenants; `vmm` whether there is one; `on_premises` whether machines of
    Hyper-V hosts are protected at all, not only such that run in Azure. `lost_clouds` are ids of clouds that the registry maps to it and
    the vault has not.
    """

    tenant: Owner
    provider: Owner
    others: tuple[Owner, ...]
    vault_subscription: str
    vault_region: str | None
    shared: bool
    vmm: bool
    targets: tuple[Placed, ...] = ()
    clouds: tuple[Cloud, ...] | None = None
    lost_clouds: tuple[str, ...] = ()
    providers: tuple[ProviderFacts, ...] | None = None
    frequencies: tuple[int, ...] | None = None
    machines: tuple[Machine, ...] | None = None
    plans: int | None = None
    on_premises: bool = True


def assess(setup: Setup) -> tuple[ReadinessFinding, ...]:
    """Run the nine checks in order."""
    found = (_vault, _owners, _regions, _storage, _clouds, _versions, _frequencies, _machines, _failover)
    return tuple(check for run in found for check in run(setup))


def _vault(setup: Setup) -> Iterator[ReadinessFinding]:
    of_provider = _has(setup.provider, setup.vault_subscription)
    if not setup.shared:
        yield _check(1, "vault", setup.tenant.name, _PASS, "the tenant has a server of its own: the vault may lie in any subscription")
    elif of_provider:
        yield _check(1, "vault", setup.tenant.name, _PASS, "the vault of the shared server lies in the provider's own subscription")
    else:
        message = "one server serves several tenants, so its vault must lie in the provider's own subscription, and it does not"
        yield _check(1, "vault", setup.tenant.name, _FAILURE, message)


def _owners(setup: Setup) -> Iterator[ReadinessFinding]:
    tenant, ids = setup.tenant, (setup.tenant.tenant_id, *setup.tenant.subscriptions)
    faults = [f"'{one or ''}' is no GUID" for one in ids if one is None or _GUID.fullmatch(one) is None]
    known = Counter(
        one.lower()
        for owner in (setup.provider, *setup.others)
        if owner.name != tenant.name
        for one in (owner.tenant_id, *owner.subscriptions)
        if one
    )
    faults += [f"{one} belongs to another tenant too" for one in ids if one and known[one.lower()]]
    faults += [
        f"the {target.kind} lies in another subscription than the tenant's"
        for target in setup.targets
        if not _has(tenant, target.subscription)
    ]
    if not tenant.subscriptions:
        faults.append("it has no subscription")
    yield _of(2, "owners", tenant.name, faults, "its tenant id and subscriptions are its own, and hold its targets")


def _regions(setup: Setup) -> Iterator[ReadinessFinding]:
    if setup.vault_region is None or not setup.targets or any(target.region is None for target in setup.targets):
        yield _check(3, "regions", setup.tenant.name, _UNKNOWN, "the region of the vault or of a target is not known")
        return
    away = [
        f"the {target.kind} is in {target.region}, the vault in {setup.vault_region}"
        for target in setup.targets
        if target.region != setup.vault_region
    ]
    yield _of(3, "regions", setup.tenant.name, away, "the vault and all targets are in one region")


def _storage(setup: Setup) -> Iterator[ReadinessFinding]:
    accounts = [target for target in setup.targets if target.kind == "storage account"]
    if not accounts:
        yield _check(4, "storage", setup.tenant.name, _UNKNOWN, "no storage account is known")
    for account in accounts:
        sku, sharing = (account.sku or "").upper(), sorted(set(account.used_by) - {setup.tenant.name})
        if account.classic:
            result, message = _FAILURE, "it is a classic account: Resource Manager's are needed"
        elif sharing:
            result, message = _FAILURE, "other tenants use it too: each needs its own"
        elif not sku:
            result, message = _UNKNOWN, "its redundancy is not known"
        elif "GRS" in sku or "GZRS" in sku:
            result, message = _PASS, "only the tenant uses it, and it is geo-redundant"
        else:
            result, message = _WARNING, f"it is {account.sku}, not geo-redundant (an error in the guide of 2015)"
        yield _check(4, "storage", account.id, result, message)


def _clouds(setup: Setup) -> Iterator[ReadinessFinding]:
    if not setup.vmm:
        yield _check(5, "cloud", setup.tenant.name, _PASS, "Hyper-V sites without VMM have no clouds")
        return
    message = (
        "Microsoft takes no new VMM-to-Azure onboardings since November 2019: existing ones keep working; new ones need a Hyper-V site"
    )
    yield _check(5, "cloud", setup.tenant.name, _WARNING, message)
    own = [cloud for cloud in setup.clouds or () if cloud.tenant == setup.tenant.name]
    if setup.clouds is None:
        yield _check(5, "cloud", setup.tenant.name, _UNKNOWN, "the clouds could not be read")
    elif len(own) != 1:
        unmapped = ": the registry maps none to it" if setup.shared and not own else ""
        yield _check(5, "cloud", setup.tenant.name, _FAILURE, f"it has {len(own)} clouds; exactly one is needed{unmapped}")
    for lost in setup.lost_clouds:
        yield _check(5, "cloud", lost, _FAILURE, "the registry maps this cloud to it, and the vault has no such cloud")
    for cloud in own:
        counts = (("host group", cloud.host_groups), ("Hyper-V host", cloud.hosts), ("VM", cloud.machines))
        lacking = [f"it has no {what}" for what, count in counts if count == 0]
        if not lacking and any(count is None for _, count in counts):
            yield _check(5, "cloud", cloud.name, _UNKNOWN, "VMM does not report what is in it")
        else:
            yield _of(5, "cloud", cloud.name, lacking, "it has a host group, a host and a VM")


def _versions(setup: Setup) -> Iterator[ReadinessFinding]:
    if not setup.on_premises:
        yield _check(6, "providerVersion", setup.tenant.name, _PASS, "its machines run in Azure, and need no provider")
    elif not setup.providers:
        message = "the providers could not be read" if setup.providers is None else "no provider is registered"
        yield _check(6, "providerVersion", setup.tenant.name, _UNKNOWN if setup.providers is None else _FAILURE, message)
    for provider in setup.providers or ():
        yield _check(6, "providerVersion", provider.name, *version_check(provider))


def _frequencies(setup: Setup) -> Iterator[ReadinessFinding]:
    if not setup.on_premises:
        yield _check(7, "copyFrequency", setup.tenant.name, _PASS, "its machines run in Azure, where changes are copied all the time")
    elif not setup.frequencies:
        yield _check(7, "copyFrequency", setup.tenant.name, _UNKNOWN, "no replication policy is known")
    for seconds in setup.frequencies or ():
        yield _check(7, "copyFrequency", setup.tenant.name, *frequency_check(seconds))


def _machines(setup: Setup) -> Iterator[ReadinessFinding]:
    if not setup.on_premises:
        yield _check(8, "machines", setup.tenant.name, _PASS, "its machines run in Azure, where these limits hold already")
    elif not setup.machines:
        yield _check(8, "machines", setup.tenant.name, _UNKNOWN, "no VM is known")
    for machine in setup.machines or ():
        faults = machine_faults(machine)
        reported = (
            machine.generation,
            machine.os_disk_gb,
            machine.data_disks_gb,
            machine.bitlocker,
            machine.shared_vhd,
            machine.fibre_channel,
        )
        if not faults and None in reported:
            yield _check(8, "machines", machine.name, _UNKNOWN, "the host does not report everything that Azure limits")
        else:
            yield _of(8, "machines", machine.name, faults, "it keeps within Azure's limits")


def _failover(setup: Setup) -> Iterator[ReadinessFinding]:
    if setup.plans is None:
        yield _check(9, "recoveryPlans", setup.tenant.name, _UNKNOWN, "the recovery plans could not be read")
    elif setup.plans == 0:
        yield _check(9, "recoveryPlans", setup.tenant.name, _WARNING, "it has no recovery plan: each VM is failed over on its own")
    else:
        yield _check(
            9, "recoveryPlans", setup.tenant.name, _PASS, f"it has {setup.plans} recovery plans, and each VM can be failed over on its own"
        )


def _has(owner: Owner, subscription: str) -> bool:
    return subscription.lower() in {one.lower() for one in owner.subscriptions}


def _of(number: int, name: str, target: str, faults: Iterable[str], fine: str) -> ReadinessFinding:
    found: Sequence[str] = tuple(faults)
    return _check(number, name, target, _FAILURE if found else _PASS, "; ".join(found) or fine)


def _check(number: int, name: str, target: str, result: CheckResult, message: str) -> ReadinessFinding:
    return ReadinessFinding(number, name, target, result, message)
