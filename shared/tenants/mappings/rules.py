"""Rules of the mappings: what is found of a resource and its tenants, as an entry; no I/O."""

from collections.abc import Sequence

from shared.tenants.mappings.answers import MappingKind, MappingResult, OwnershipMapping
from shared.values.reading import Json, an_object, text

_FABRICS = frozenset({"vmm", "hypervsite"})
_NOUNS = {
    MappingKind.SUBSCRIPTION: "subscription",
    MappingKind.VAULT: "vault",
    MappingKind.CLOUD: "cloud",
    MappingKind.STORAGE_ACCOUNT: "storage account",
    MappingKind.REGISTRY_ROW: "resource",
}
_FIELDS = {
    MappingKind.SUBSCRIPTION: "subscriptions",
    MappingKind.VAULT: "vaultId",
    MappingKind.CLOUD: "clouds",
    MappingKind.STORAGE_ACCOUNT: "storageAccounts",
}


def has_clouds(container: Json) -> bool:
    """Return whether a protection container is a cloud: that of a VMM server or a Hyper-V site, not of Azure."""
    return (text(an_object(container, "properties"), "fabricType") or "").lower() in _FABRICS


def judge(id_: str, kind: MappingKind, owner: str | None, listing: Sequence[str]) -> OwnershipMapping:
    """Return the entry of a resource that Azure lists: `owner` is its tenant, `listing` are the tenants whose documents list it."""
    if len(listing) > 1:
        return mapped_twice(id_, kind, listing)
    noun = _NOUNS[kind]
    if owner is not None:
        message = f"The {noun} belongs to the tenant '{owner}'."
        return OwnershipMapping(id=id_, kind=kind, result=MappingResult.MAPPED, tenants=(owner,), message=message)
    if listing:
        message = f"The tenant '{listing[0]}' lists the {noun}, and has no claim of it."
        action = f"Send PUT /tenants/{listing[0]} once more with the same document."
        return OwnershipMapping(id=id_, kind=kind, result=MappingResult.UNMAPPED, tenants=tuple(listing), message=message, action=action)
    message = f"No tenant has the {noun}."
    action = f"Add it to '{_FIELDS[kind]}' of a tenant with PUT /tenants/{{tenant}}, or take the rights of this app away."
    return OwnershipMapping(id=id_, kind=kind, result=MappingResult.UNMAPPED, message=message, action=action)


def mapped_twice(id_: str, kind: MappingKind, tenants: Sequence[str]) -> OwnershipMapping:
    """Return the entry of a resource that the documents of several tenants list."""
    names = " and ".join(f"'{tenant}'" for tenant in tenants)
    message = f"The {_NOUNS[kind]} is listed by the tenants {names}."
    action = "Remove it from all but one of them with PUT /tenants/{tenant}, then send PUT for the one that keeps it."
    return OwnershipMapping(id=id_, kind=kind, result=MappingResult.MAPPED_TWICE, tenants=tuple(tenants), message=message, action=action)


def missing(id_: str, tenant: str, noun: str) -> OwnershipMapping:
    """Return the entry of a resource that a tenant lists and Azure does not have."""
    message = f"The tenant '{tenant}' lists the {noun}, and Azure does not have it."
    return OwnershipMapping(
        id=id_,
        kind=MappingKind.REGISTRY_ROW,
        result=MappingResult.MISSING,
        tenants=(tenant,),
        message=message,
        action=f"Remove it with PUT /tenants/{tenant}, or make it again in Azure.",
    )


def unknown(id_: str, kind: MappingKind, what: str, code: str, tenants: Sequence[str] = ()) -> OwnershipMapping:
    """Return the entry of what could not be listed."""
    return OwnershipMapping(
        id=id_,
        kind=kind,
        result=MappingResult.UNKNOWN,
        tenants=tuple(tenants),
        message=f"{what} could not be read ({code}).",
        action="Give this app the right to read it, and read again.",
    )


def noun_of(kind: MappingKind) -> str:
    """Return what a kind is called in messages."""
    return _NOUNS[kind]
