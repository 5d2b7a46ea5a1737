"""The types of a request's fields: what each may hold, and the message for what it may not (docs/design/failovers.md)."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.arm.ids import ResourceId, resource_id_of
from shared.clock import from_text, to_text
from shared.failovers.vault.names import (
    PROTECTED_ITEM_TYPE,
    RECOVERY_PLAN_TYPE,
    RECOVERY_POINT_TYPE,
    VIRTUAL_NETWORK_TYPE,
    VMM_NETWORK_TYPE,
)
from shared.values.durations import duration_text, parse_duration

MAX_REASON = 1000
LONGEST_WINDOW = timedelta(days=30)
"""A commit window, or the wait before a cleanup, that is longer is a slip of the pen."""

_VM_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_VM_SIZE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,79}", re.ASCII)


def refuse(message: str) -> PydanticCustomError:
    """Return the error of a field's value."""
    return PydanticCustomError("farshore", "{message}", {"message": message})


def _moment(value: object) -> object:
    if not isinstance(value, str):
        raise refuse("a time is a text in ISO 8601, such as 2026-03-01T12:00:00Z")
    try:
        return from_text(value)
    except ValueError:
        raise refuse(f"'{value[:40]}' is no time in ISO 8601, such as 2026-03-01T12:00:00Z") from None


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise refuse("a duration is a text in ISO 8601, such as PT4H")
    try:
        span = parse_duration(value)
    except ValueError as wrong:
        raise refuse(str(wrong)) from None
    if span > LONGEST_WINDOW:
        raise refuse(f"it is longer than {LONGEST_WINDOW.days} days")
    return span


def _vm_name(text: str) -> str:
    """Limits of VMs from Hyper-V to Azure: docs/azure/site-recovery.md; ends: "Support matrix for Hyper-V disaster recovery to Azure"."""
    if _VM_NAME.fullmatch(text) is None:
        raise refuse("the name of a VM has 1 to 63 letters (a-z), digits and hyphens, and begins and ends with a letter or digit")
    return text


def _vm_size(text: str) -> str:
    if _VM_SIZE.fullmatch(text) is None:
        raise refuse("this is no size of a VM, such as Standard_D2s_v5")
    return text


def _network(text: str) -> str:
    try:
        found = ResourceId.parse(text)
    except ValueError as wrong:
        raise refuse(str(wrong)) from None
    if found.type.lower() not in {VIRTUAL_NETWORK_TYPE.lower(), VMM_NETWORK_TYPE.lower()}:
        raise refuse(
            f"this is the id of a {found.type}; the id of a {VIRTUAL_NETWORK_TYPE} (between VMM clouds: {VMM_NETWORK_TYPE}) is expected"
        )
    return str(found)


def _given(text: str) -> str:
    if not text.strip():
        raise refuse("it is empty: give the reason")
    return text


ProtectedItemId = Annotated[str, resource_id_of(PROTECTED_ITEM_TYPE)]
RecoveryPlanId = Annotated[str, resource_id_of(RECOVERY_PLAN_TYPE)]
RecoveryPointId = Annotated[str, resource_id_of(RECOVERY_POINT_TYPE)]
NetworkId = Annotated[str, AfterValidator(_network), WithJsonSchema({"type": "string", "format": "arm-id"})]
VmName = Annotated[str, AfterValidator(_vm_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 63})]
VmSize = Annotated[str, AfterValidator(_vm_size), WithJsonSchema({"type": "string", "examples": ["Standard_D2s_v5"]})]
At = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(to_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Span = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT4H"]}),
]
"""A duration of at most thirty days; ISO 8601 in JSON."""
Reason = Annotated[str, Field(max_length=MAX_REASON)]
ReasonGiven = Annotated[str, Field(min_length=1, max_length=MAX_REASON), AfterValidator(_given)]
