"""The nine readiness checks of a tenant (docs/azure/site-recovery.md, "Hosters and CSP partners").

What is not known has the result unknown, with the reason, and never counts as a pass.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from shared.access.records.tenant import Backend, Shape
from shared.failovers.readiness.setup import ACCOUNT, Cloud, Owner, Placed, Setup
from shared.failovers.vault.limits import frequency_check, machine_faults, version_check
from shared.readiness import ReadinessFinding
from shared.values.checks import CheckResult

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_RETIRED = "Microsoft takes no new VMM-to-Azure onboardings since November 2019: existing ones keep working; new ones need a Hyper-V site"
_PASS, _WARNING, _FAILURE, _UNKNOWN = CheckResult.PASS, CheckResult.WARNING, CheckResult.FAILURE, CheckResult.UNKNOWN


def assess(setup: Setup) -> tuple[ReadinessFinding, ...]:
    """Run the nine checks in order; each is there at least once."""
    if setup.vault_subscription is None:
        return (*_vault(setup), *_owners(setup), *_without_vault(setup))
    found = (_vault, _owners, _regions, _storage, _clouds, _versions, _frequencies, _machines, _failover)
    return tuple(check for run in found for check in run(setup))


def unjudged(tenant: str) -> tuple[ReadinessFinding, ...]:
    """Return the nine checks of a tenant that could not be judged at all."""
    return tuple(_check(number, name, tenant, _UNKNOWN, "the tenant could not be judged: see the log") for number, name in _NAMES.items())


def _without_vault(setup: Setup) -> Iterator[ReadinessFinding]:
    pack = setup.backend is Backend.AZURE_PACK
    message = "the tenant is on Azure Pack: nothing of it is protected in Azure" if pack else "no vault is named"
    for number, name in list(_NAMES.items())[2:]:
        yield _check(number, name, setup.tenant.name, _PASS if pack else _UNKNOWN, message)


def _vault(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.vault_subscription is None:
        yield _check(1, "vault", name, _PASS, "no vault is named, so none lies in a wrong subscription")
    elif setup.vault_missing:
        yield _check(1, "vault", name, _FAILURE, "Azure does not have the vault")
    elif _has(setup.provider, setup.vault_subscription):
        yield from _of_shape(setup, "the vault lies in the provider's own subscription")
    elif setup.shape is Shape.SHARED:
        message = "one server serves several tenants, so its vault must lie in the provider's own subscription, and it does not"
        yield _check(1, "vault", name, _FAILURE, message)
    elif setup.shape is None and "fabrics" in setup.unread:
        yield _check(1, "vault", name, _UNKNOWN, f"how its machines are protected was not read{setup.why('fabrics')}")
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
    elif not tenant.subscriptions and not setup.azure_pack:
        faults.append("it has neither a subscription nor one of Azure Pack")
    if "items" in setup.unread and not faults:
        message = f"the protected items, which name the targets, were not read{setup.why('items')}"
        yield _check(2, "owners", tenant.name, _UNKNOWN, message)
    else:
        yield _of(2, "owners", tenant.name, faults, "its tenant id and subscriptions are its own, and hold its targets")
    if setup.unreadable is None:
        message = f"whether this app can read the tenant's subscriptions was not found out{setup.why('subscriptions')}"
        yield _check(2, "owners", tenant.name, _UNKNOWN, message)
    for subscription, days in setup.certificates_ending:
        message = f"the certificate of its Azure Pack subscription ends in {days} days; import a new publishsettings file"
        yield _check(2, "owners", subscription, _WARNING, message)
    for one in setup.unreadable or ():
        yield _check(2, "owners", one, _WARNING, "this app has no role in the subscription, and cannot read it")


def _regions(setup: Setup) -> Iterator[ReadinessFinding]:
    name, faults = setup.tenant.name, _region_faults(setup)
    regions = _target_regions(setup)
    if faults:
        yield _check(3, "regions", name, _FAILURE, "; ".join(faults))
    elif "items" in setup.unread:
        yield _check(3, "regions", name, _UNKNOWN, f"the protected items, which name the targets, were not read{setup.why('items')}")
    elif not regions:
        yield _check(3, "regions", name, _UNKNOWN, "no target is known yet")
    elif setup.vault_region is None or None in regions:
        codes = [code for code in (setup.unread.get("vault"), *(target.code for target in setup.targets)) if code is not None]
        why = f" ({codes[0]})" if codes else ""
        yield _check(3, "regions", name, _UNKNOWN, f"the region of the vault or of a target was not read{why}")
    elif setup.in_azure:
        yield _check(3, "regions", name, _PASS, "all targets are in one region, and the vault is not where the machines are")
    else:
        yield _check(3, "regions", name, _PASS, "the vault and all targets are in one region")
    yield from _groups(setup)


def _target_regions(setup: Setup) -> set[str | None]:
    """Return the regions of the targets, None for one that was not read."""
    return {target.region for target in setup.targets} | (set(setup.target_regions) if setup.in_azure else set())


def _region_faults(setup: Setup) -> list[str]:
    faults = [f"Azure does not have the {target.kind} {target.id}" for target in setup.targets if target.missing]
    if setup.in_azure:
        regions = sorted(region for region in _target_regions(setup) if region is not None)
        faults += [f"the targets are in {len(regions)} regions: {', '.join(regions)}"] if len(regions) > 1 else []
        if setup.vault_region is not None and setup.vault_region in setup.source_regions:
            faults.append(f"the vault is in {setup.vault_region}, where the machines are: it would be lost with them")
        return faults
    return faults + [
        f"the {target.kind} {target.id} is in {target.region}, the vault in {setup.vault_region}"
        for target in setup.targets
        if target.region is not None and setup.vault_region is not None and target.region != setup.vault_region
    ]


def _groups(setup: Setup) -> Iterator[ReadinessFinding]:
    regions = {region for region in _target_regions(setup) if region is not None}
    expected = regions if setup.in_azure else {region for region in (setup.vault_region,) if region is not None}
    for group in setup.groups:
        if group.missing:
            yield _check(3, "regions", group.id, _FAILURE, "Azure does not have the resource group of the targets")
        elif group.region is None:
            yield _check(3, "regions", group.id, _UNKNOWN, f"the region of the resource group was not read ({group.code or 'no region'})")
        elif expected and group.region not in expected:
            message = f"the resource group is in {group.region}, its machines would be in {', '.join(sorted(expected))}: Azure allows it"
            yield _check(3, "regions", group.id, _WARNING, message)


def _storage(setup: Setup) -> Iterator[ReadinessFinding]:
    accounts = [target for target in setup.targets if target.kind == ACCOUNT]
    if "items" in setup.unread and not setup.in_azure:
        message = f"the protected items, which name the storage accounts, were not read{setup.why('items')}"
        yield _check(4, "storage", setup.tenant.name, _UNKNOWN, message)
    elif not accounts and setup.in_azure:
        yield _check(4, "storage", setup.tenant.name, _PASS, "its machines run in Azure: no account of its own is needed")
    elif not accounts:
        yield _check(4, "storage", setup.tenant.name, _UNKNOWN, f"no storage account is known{setup.why_no_shape}")
    for account in accounts:
        yield _check(4, "storage", account.id, *_account(setup, account))


def _account(setup: Setup, account: Placed) -> tuple[CheckResult, str]:
    sku = (account.sku or "").upper()
    if account.missing:
        return _FAILURE, "Azure does not have it"
    if account.classic:
        return _FAILURE, "it is a classic account: Resource Manager's are needed"
    if set(account.used_by) - {setup.tenant.name}:
        return _FAILURE, "other tenants use it too: each needs its own"
    if not sku:
        return _UNKNOWN, f"its redundancy was not read ({account.code or 'no SKU'})"
    if setup.accounts_unread is not None:
        return _UNKNOWN, f"whether items in the vaults of other tenants name it was not read ({setup.accounts_unread})"
    if "GRS" in sku or "GZRS" in sku:
        return _PASS, f"only the tenant uses it, and it is geo-redundant ({account.sku})"
    return _WARNING, f"it is {account.sku}, not geo-redundant (an error in the guide of 2015)"


def _clouds(setup: Setup) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    if setup.clouds is None and not setup.in_azure:
        if setup.vmm:
            yield _check(5, "cloud", name, _WARNING, _RETIRED)
        yield _check(5, "cloud", name, _UNKNOWN, f"the containers or their machines were not read{setup.why('clouds')}")
        return
    for lost in setup.lost_clouds:
        yield _check(5, "cloud", lost, _FAILURE, "the registry maps this cloud to it, and the vault has no such cloud")
    if not setup.vmm:
        if setup.shape is None and "fabrics" in setup.unread:
            yield _check(5, "cloud", name, _UNKNOWN, f"whether there is VMM was not read{setup.why('fabrics')}")
        else:
            yield _check(5, "cloud", name, _PASS, "there is no VMM, and so there are no clouds")
        return
    yield from _vmm_clouds(setup, setup.clouds or ())


def _vmm_clouds(setup: Setup, clouds: Sequence[Cloud]) -> Iterator[ReadinessFinding]:
    name = setup.tenant.name
    yield _check(5, "cloud", name, _WARNING, _RETIRED)
    if len(clouds) != 1:
        unmapped = ": the registry maps none to it" if setup.shape is Shape.SHARED and not clouds else ""
        yield _check(5, "cloud", name, _FAILURE, f"it has {len(clouds)} clouds; exactly one is needed{unmapped}")
    for cloud in clouds:
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
    elif not setup.providers and setup.shape is None and "fabrics" in setup.unread:
        yield _check(6, "providerVersion", name, _UNKNOWN, f"how its machines are protected was not read{setup.why('fabrics')}")
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
        yield _check(7, "copyFrequency", name, _UNKNOWN, f"its containers are mapped to no replication policy{setup.why_no_shape}")
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
        yield _check(8, "machines", name, _UNKNOWN, f"no VM is known{setup.why_no_shape}")
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
