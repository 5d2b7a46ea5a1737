"""Resource ids of Azure Resource Manager: read leniently, compared without regard to case, written as ARM writes them.

Only ids of resources inside a resource group are resource ids here. ARM compares ids case-insensitively, and one official
example lacks the leading slash (docs/azure/restore-points.md), so both are accepted and neither is kept.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

MAX_LENGTH = 2048
_MAX_NAME = 260
_MAX_RESOURCE_GROUP = 90

_GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_SUBSCRIPTION = re.compile(rf"/?subscriptions/({_GUID})(?=/|$)", re.IGNORECASE | re.ASCII)
_IS_GUID = re.compile(_GUID)
_IS_PROVIDER = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+")
_IS_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_FORBIDDEN = frozenset("?#%\\<>&\"'`{}|^*")
_IS_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")  # most ids: no character of them needs a look
_FORM = "an ARM resource id has the form /subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{type}/{name}"

# The names whose case ARM's own answers fix; others are kept as they came.
_SPELLINGS = {
    name.lower(): name
    for name in (
        "Microsoft.Compute",
        "Microsoft.Network",
        "Microsoft.RecoveryServices",
        "Microsoft.Storage",
        "availabilitySets",
        "diskEncryptionSets",
        "diskRestorePoints",
        "disks",
        "networkInterfaces",
        "recoveryPoints",
        "replicationEvents",
        "replicationFabrics",
        "replicationJobs",
        "replicationNetworkMappings",
        "replicationNetworks",
        "replicationPolicies",
        "replicationProtectableItems",
        "replicationProtectedItems",
        "replicationProtectionContainerMappings",
        "replicationProtectionContainers",
        "replicationRecoveryPlans",
        "replicationRecoveryServicesProviders",
        "replicationStorageClassifications",
        "replicationStorageClassificationMappings",
        "restorePointCollections",
        "restorePoints",
        "snapshots",
        "storageAccounts",
        "subnets",
        "vaults",
        "virtualMachines",
        "virtualNetworks",
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class ResourceId:
    """The id of one resource, with its parents; two ids that ARM takes for the same are equal.

    `types` and `names` run side by side from the outermost resource inward: ("restorePointCollections", "restorePoints") and
    ("collection", "point"). The subscription is a GUID in lower case.
    """

    subscription_id: str
    resource_group: str
    provider: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    key: str = field(init=False, repr=False)
    """The id in lower case: what to compare, hash and store by."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self).lower())

    @staticmethod
    def parse(text: str) -> "ResourceId":
        """Read an id in any case, with or without its leading slash, with or without one trailing slash.

        Raises `ValueError`, whose message is for the sender, for anything else.
        """
        return _parsed(text)

    @property
    def type(self) -> str:
        """The full type, such as `Microsoft.Compute/restorePointCollections/restorePoints`."""
        return "/".join((self.provider, *self.types))

    @property
    def name(self) -> str:
        """The last segment."""
        return self.names[-1]

    @property
    def parent(self) -> "ResourceId | None":
        """The resource that this one lies in, or None for one that lies in its resource group only."""
        if len(self.types) == 1:
            return None
        return ResourceId(self.subscription_id, self.resource_group, self.provider, self.types[:-1], self.names[:-1])

    def child(self, type: str, name: str) -> "ResourceId":
        """Return the id of a resource in this one, by its last type segment and name; raises `ValueError` for a bad one."""
        for segment in (type, name):
            _refuse_unsafe(segment)
        return _checked(self.subscription_id, self.resource_group, self.provider, [*self.types, type], [*self.names, name])

    def sibling(self, type: str, name: str) -> "ResourceId":
        """Return the id of an outermost resource of the same provider and resource group; raises `ValueError` for a bad one."""
        for segment in (type, name):
            _refuse_unsafe(segment)
        return _checked(self.subscription_id, self.resource_group, self.provider, [type], [name])

    def __str__(self) -> str:
        pairs = "/".join(f"{type_}/{name}" for type_, name in zip(self.types, self.names, strict=True))
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/providers/{self.provider}/{pairs}"

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, ResourceId) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)


def subscription_of(text: str) -> str:
    """Return the subscription, a GUID in lower case, that an id or an ARM path begins with; raises `ValueError` without one."""
    found = _SUBSCRIPTION.match(text)
    if found is None:
        raise ValueError("it does not begin with /subscriptions/{subscription}, where {subscription} is a GUID")
    return found[1].lower()


def same(a: "ResourceId | str | None", b: "ResourceId | str | None") -> bool:
    """Return whether two ids name the same resource, as ARM compares them; what is no id is the same as nothing."""
    left, right = _key_of(a), _key_of(b)
    return left is not None and left == right


@dataclass(frozen=True, slots=True)
class ResourceIdOf:
    """A pydantic annotation: the field is the id of a resource of `type`, and its value the text as ARM writes it, or None."""

    type: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401  # pydantic's signature
        return core_schema.no_info_after_validator_function(self._check_given, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        described["format"] = "arm-id"
        described["x-ms-arm-id-details"] = {"allowedResources": [{"type": self.type}]}
        described["maxLength"] = MAX_LENGTH
        described["pattern"] = self._pattern()
        return described

    def check(self, text: str) -> str:
        """Return the id as ARM writes it; raises `ValueError` for what is no id, or one of another type."""
        found = ResourceId.parse(text)
        if found.type.lower() != self.type.lower():
            raise ValueError(f"this is the id of a {found.type}; the id of a {self.type} is expected")
        return str(found)

    def _check_given(self, text: str | None) -> str | None:
        return None if text is None else self.check(text)

    def _pattern(self) -> str:
        provider, *types = self.type.split("/")
        pairs = "".join(f"/{type_}/[A-Za-z0-9][A-Za-z0-9_-]{{0,79}}" for type_ in types)
        group = "[A-Za-z0-9][A-Za-z0-9_-]{0,89}"
        return rf"^/subscriptions/{_GUID}/resourceGroups/{group}/providers/{re.escape(provider)}{pairs}$"


def resource_id_of(type: str) -> ResourceIdOf:
    """Annotate a `str` field: `Annotated[str, resource_id_of("Microsoft.Compute/virtualMachines")]`."""
    return ResourceIdOf(type)


@lru_cache(maxsize=2_048)  # a request, its checks and its steps read the same ids again and again
def _parsed(text: str) -> ResourceId:
    _refuse_unsafe(text)
    segments = text.removeprefix("/").removesuffix("/").split("/")
    if "" in segments:
        raise ValueError(f"a segment is empty; {_FORM}")
    if len(segments) < 8:
        raise ValueError(f"it ends too early; {_FORM}")
    for position, name in ((0, "subscriptions"), (2, "resourceGroups"), (4, "providers")):
        if segments[position].lower() != name.lower():
            raise ValueError(f"'{_shortened(segments[position])}' is not allowed here. Use '{name}'; {_FORM}")
    return _checked(segments[1], segments[3], segments[5], segments[6::2], segments[7::2])


def _checked(subscription: str, group: str, provider: str, types: list[str], names: list[str]) -> ResourceId:
    if _IS_GUID.fullmatch(subscription) is None:
        raise ValueError(f"'{_shortened(subscription)}' is no subscription id: a GUID is expected")
    if len(group) > _MAX_RESOURCE_GROUP or group.endswith("."):
        raise ValueError(f"'{_shortened(group)}' is no resource group: at most {_MAX_RESOURCE_GROUP} characters, no full stop at its end")
    if _IS_PROVIDER.fullmatch(provider) is None:
        raise ValueError(f"'{_shortened(provider)}' is no provider namespace such as Microsoft.Compute")
    if len(types) != len(names):
        raise ValueError(f"it ends with the type '{_shortened(types[-1])}' and no name; {_FORM}")
    for type_ in types:
        if _IS_TYPE.fullmatch(type_) is None or type_.lower() == "providers":
            raise ValueError(f"'{_shortened(type_)}' is no resource type such as virtualMachines")
    for name in names:
        if len(name) > _MAX_NAME or "/" in name:
            raise ValueError(f"'{_shortened(name)}' is no name: at most {_MAX_NAME} characters, no slash")
    return ResourceId(
        subscription.lower(),
        group,
        _SPELLINGS.get(provider.lower(), provider),
        tuple(_SPELLINGS.get(type_.lower(), type_) for type_ in types),
        tuple(names),
    )


def _refuse_unsafe(text: str) -> None:
    if not text:
        raise ValueError(f"it is empty; {_FORM}")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    if ".." in text:
        raise ValueError("it contains '..'")
    if _IS_PLAIN.fullmatch(text) is not None:
        return
    for character in text:
        if character in _FORBIDDEN or character.isspace() or not character.isprintable():
            raise ValueError(f"it contains {character!a}, which no ARM id may")


def _key_of(value: ResourceId | str | None) -> str | None:
    if isinstance(value, ResourceId):
        return value.key
    try:
        return ResourceId.parse(value).key if value is not None else None
    except ValueError:
        return None


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
