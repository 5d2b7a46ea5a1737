"""The types of the fields of requests about machines, and the message for what each does not take (docs/design/virtual-machines.md)."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, ValidationError, ValidationInfo, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.arm.ids import MAX_LENGTH, ResourceId, resource_id_of
from shared.errors import sentence
from shared.values.reading import is_guid
from shared.values.texts import printable
from shared.virtual_machines.requests.stored import is_stored
from shared.virtual_machines.rules import names
from shared.virtual_machines.rules.disks import LAST_LUN
from shared.virtual_machines.rules.ports import LAST_LOCAL_PORT, LAST_PUBLIC_PORT
from shared.virtual_machines.rules.ssh_keys import MOST_KEYS, ssh_key_problem

MOST_TAGS = 15
_LONGEST_TAG_NAME = 512
_LONGEST_IMAGE = 80
_LONGEST_TAG_VALUE = 256
_NOT_IN_A_TAG_NAME = frozenset("<>%&\\?/")
_RESERVED_TAGS = ("farshore-", "hidden-")
_SKU = "[A-Za-z0-9_]+"
_DISK_TYPE = "Microsoft.Compute/disks"
_SNAPSHOT_TYPE = "Microsoft.Compute/snapshots"
_STORAGE_TYPE = "Microsoft.Storage/storageAccounts"
_SUBNET_TYPE = "Microsoft.Network/virtualNetworks/subnets"
ANY_SOURCE = "Internet"
"""The security rule's source that allows any address of the internet."""

Path = tuple[str | int, ...]
"""Where a field is in a body, such as ("dataDisks", 2, "lun")."""


def refuse(message: str) -> PydanticCustomError:
    """Return the error of a field's value."""
    return PydanticCustomError("farshore", "{message}", {"message": sentence(message)})


def refuse_fields(title: str, found: Iterable[tuple[Path, str]]) -> None:
    """Raise `pydantic.ValidationError` with an error for each field, present or missing; does nothing where there is none."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("farshore_field", "{message}", {"message": message}), loc=path, input=None)
        for path, message in found
    ]
    if errors:
        raise ValidationError.from_exception_data(title, errors, hide_input=True)


def _checked(check: Callable[[str], str]) -> AfterValidator:
    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as wrong:
            raise refuse(str(wrong)) from None

    return AfterValidator(checked)


def _guid(text: str) -> str:
    if not is_guid(text):
        raise ValueError("A subscription's id is a GUID, such as 00000000-0000-0000-0000-000000000001.")
    return text.lower()


def _region(text: str) -> str:
    name = "".join(text.split()).lower()
    if not name.isascii() or not name.isalnum():
        raise ValueError("This cannot be the name of an Azure region, such as westeurope or West Europe.")
    return name


def _ssh_key(text: str) -> str:
    problem = ssh_key_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


def _source(text: str, info: ValidationInfo) -> str:
    if text.lower() == ANY_SOURCE.lower():
        return ANY_SOURCE
    try:
        if "%" in text and not is_stored(info):
            raise ValueError("an address of one link")
        return str(ip_network(text, strict=True))
    except ValueError:
        raise refuse("A source is an IP address, a CIDR without host bits such as 203.0.113.0/24, or Internet.") from None


def _sku(text: str, info: ValidationInfo) -> str:
    if not is_stored(info) and re.fullmatch(_SKU, text) is None:
        raise refuse("A type of disks has letters, digits and _, such as Premium_LRS.")
    return printable(text)


def _name_or_id(text: str) -> str:
    return str(ResourceId.parse(text)) if "/" in text else names.check_resource_name(text)


def _image(text: str) -> str:
    if "/" in text:
        return str(ResourceId.parse(text))
    if len(text) > _LONGEST_IMAGE:
        raise ValueError(f"The name of an image has at most {_LONGEST_IMAGE} characters.")
    return printable(text)


def _disk_or_snapshot(text: str) -> str:
    found = ResourceId.parse(text)
    if found.type.lower() not in {_DISK_TYPE.lower(), _SNAPSHOT_TYPE.lower()}:
        raise ValueError(f"This is the id of a {found.type}. Send the id of a {_DISK_TYPE} or a {_SNAPSHOT_TYPE}.")
    return str(found)


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return tags that Azure takes and Farshore does not reserve; raises pydantic's error of a value."""
    if len(tags) > MOST_TAGS:
        raise refuse(f"{len(tags)} tags are given. At most {MOST_TAGS} are taken.")
    if len({name.lower() for name in tags}) < len(tags):
        raise refuse("Two tags differ only in the case of their names. Azure treats them as one.")
    for name, value in tags.items():
        if not name.strip() or len(name) > _LONGEST_TAG_NAME or not _NOT_IN_A_TAG_NAME.isdisjoint(name):
            raise refuse(f"The name of a tag has 1 to {_LONGEST_TAG_NAME} characters and none of < > % & \\ ? /.")
        if name.lower().startswith(_RESERVED_TAGS):
            raise refuse(f"The tag '{name[:40]}' begins with {' or '.join(_RESERVED_TAGS)}, which are reserved.")
        if len(value) > _LONGEST_TAG_VALUE:
            raise refuse(f"The value of the tag '{name[:40]}' has more than {_LONGEST_TAG_VALUE} characters.")
    return tags


def _check_tag_changes(tags: dict[str, str | None]) -> dict[str, str | None]:
    check_tags({name: value or "" for name, value in tags.items()})
    return tags


def _text(check: Callable[[str], str], shortest: int, longest: int) -> tuple[AfterValidator, WithJsonSchema]:
    return _checked(check), WithJsonSchema({"type": "string", "minLength": shortest, "maxLength": longest})


_machine, _machine_schema = _text(names.check_machine_name, 1, 64)
_service, _service_schema = _text(names.check_service_name, 2, 64)
_group, _group_schema = _text(names.check_group_name, 1, 90)
_resource, _resource_schema = _text(names.check_resource_name, 1, 80)
_port, _port_schema = _text(names.check_port_name, 1, 31)
_either, _either_schema = _text(_name_or_id, 1, 2048)
_image_name, _image_schema = _text(_image, 1, 2048)

MachineName = Annotated[StrictStr, _machine, _machine_schema]
ServiceName = Annotated[StrictStr, _service, _service_schema]
GroupName = Annotated[StrictStr, _group, _group_schema]
"""The name of an existing service."""
ResourceName = Annotated[StrictStr, _resource, _resource_schema]
PortName = Annotated[StrictStr, _port, _port_schema]
NameOrId = Annotated[StrictStr, _either, _either_schema]
"""A name, or an ARM id, whose type the service that reads it checks."""
ImageNameOrId = Annotated[StrictStr, Field(min_length=1), _image_name, _image_schema]
"""The name of an image, which is any of a hosting plan, or an ARM id."""
SubscriptionId = Annotated[StrictStr, _checked(_guid), WithJsonSchema({"type": "string", "format": "uuid"})]
RegionName = Annotated[StrictStr, Field(min_length=1, max_length=64), _checked(_region)]
"""A region's name or display name; the value is the name that ARM uses."""
Label = Annotated[StrictStr, Field(max_length=100), _checked(printable)]
Description = Annotated[StrictStr, Field(max_length=1_000)]
SizeName = Annotated[StrictStr, Field(min_length=1, max_length=64), _checked(printable)]
Sku = Annotated[
    StrictStr,
    Field(min_length=1, max_length=64),
    AfterValidator(_sku),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64, "pattern": f"^{_SKU}$"}),
]
"""A type of disks, such as Premium_LRS."""
SshKey = Annotated[StrictStr, _checked(_ssh_key), WithJsonSchema({"type": "string", "maxLength": 8192})]
SshKeys = Annotated[tuple[SshKey, ...], Field(max_length=MOST_KEYS)]
Lun = Annotated[StrictInt, Field(ge=0, le=LAST_LUN)]
PublicPort = Annotated[StrictInt, Field(ge=1, le=LAST_PUBLIC_PORT)]
LocalPort = Annotated[StrictInt, Field(ge=1, le=LAST_LOCAL_PORT)]
Source = Annotated[StrictStr, Field(max_length=64), AfterValidator(_source)]


def _tags_schema(value: str | list[str]) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MOST_TAGS,
            "propertyNames": {"minLength": 1, "maxLength": _LONGEST_TAG_NAME, "pattern": r"^[^<>%&\\?/]+$"},
            "additionalProperties": {"type": value, "maxLength": _LONGEST_TAG_VALUE},
        }
    )


Tags = Annotated[dict[StrictStr, StrictStr], AfterValidator(check_tags), _tags_schema("string")]
TagChanges = Annotated[dict[StrictStr, StrictStr | None], AfterValidator(_check_tag_changes), _tags_schema(["string", "null"])]
"""Tags as a merge patch has them: a null removes the tag, others stay as they are."""
SubnetId = Annotated[StrictStr, resource_id_of(_SUBNET_TYPE)]
StorageAccountId = Annotated[StrictStr, resource_id_of(_STORAGE_TYPE)]
DiskOrSnapshotId = Annotated[
    StrictStr, _checked(_disk_or_snapshot), WithJsonSchema({"type": "string", "format": "arm-id", "maxLength": MAX_LENGTH})
]
Flag = StrictBool
Confirmation = Annotated[StrictStr, Field(min_length=1, max_length=80)]
