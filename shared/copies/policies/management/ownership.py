"""Whose the things are that a policy names: each must be the policy's tenant's."""

from collections.abc import Iterator

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.copies.policies.document import PolicyDocument


async def require_own(registry: Registry, tenant: str, document: PolicyDocument) -> None:
    """Refuse with `NotFound` a document that names what is another tenant's, or has no owner: the answer is the same for both."""
    for path, what, id_ in named_ids(document):
        if await owner_of(registry, id_) != tenant:
            raise not_found(f"{what} '{id_}'", target=path)


def named_ids(document: PolicyDocument) -> Iterator[tuple[str, str, str]]:
    """Yield what a document names: the path, what it is, and its ARM id."""
    selector = document.selector
    for field, excluded in (("selector", selector), ("selector.exclude", selector.exclude)):
        for number, vm in enumerate(excluded.virtual_machine_ids):
            yield f"{field}.virtualMachineIds[{number}]", "virtual machine", vm
        for number, group in enumerate(excluded.resource_groups):
            yield f"{field}.resourceGroups[{number}]", "resource group", group
    for number, subscription in enumerate(selector.subscriptions):
        yield f"selector.subscriptions[{number}]", "subscription", _within(subscription)
    for number, disk in enumerate(document.disks.exclude):
        yield f"disks.exclude[{number}]", "disk", disk
    for number, target in enumerate(document.targets):
        if target.subscription_id is not None:
            yield f"targets[{number}].subscriptionId", "subscription", _within(target.subscription_id)
        if target.drill_in is not None and target.drill_in.subnet_id is not None:
            yield f"targets[{number}].drillIn.subnetId", "subnet", target.drill_in.subnet_id


def _within(subscription: str) -> str:
    return f"/subscriptions/{subscription}"
