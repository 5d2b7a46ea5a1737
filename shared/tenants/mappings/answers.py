"""The answers of `GET /readiness/mappings`: what Azure lists, and whose it is (docs/design/tenants.md, "Mappings")."""

from enum import StrEnum

from pydantic import Field

from shared.values.documents import Document


class MappingKind(StrEnum):
    """What an entry is about; a `registryRow` is a resource that the registry names and Azure does not list."""

    SUBSCRIPTION = "subscription"
    VAULT = "vault"
    CLOUD = "cloud"
    STORAGE_ACCOUNT = "storageAccount"
    REGISTRY_ROW = "registryRow"


class MappingResult(StrEnum):
    """Whether a resource has one owner."""

    MAPPED = "mapped"
    UNMAPPED = "unmapped"
    MAPPED_TWICE = "mappedTwice"
    MISSING = "missing"
    UNKNOWN = "unknown"


class OwnershipMapping(Document):
    """A resource of Azure or of the registry, and the tenants that list it."""

    id: str
    kind: MappingKind
    result: MappingResult
    tenants: tuple[str, ...] = ()
    message: str
    action: str | None = Field(None, description="What to do; null where the resource has its one owner.")
