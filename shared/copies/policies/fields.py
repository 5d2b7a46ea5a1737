"""The types of a copy policy's fields, and what all its parts have in common."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from shared.arm.ids import ResourceId, resource_id_of
from shared.clock import from_text
from shared.copies.copying.models import ResourceGroupName
from shared.moments import Moment
from shared.values.documents import Document
from shared.values.durations import duration_text, parse_duration

T = TypeVar("T")
_GROUP_SEGMENTS = 4
_ANY_RESOURCE = "/providers/Microsoft.Compute/disks/any"


class Part(Document):
    """A part of a policy's document; its JSON leaves out lists and objects that are empty."""

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value not in ([], (), {})}


def refuse(message: str) -> PydanticCustomError:
    """Return the error of a field's value."""
    return PydanticCustomError("farshore", "{message}", {"message": message})


def once(key: Callable[[T], Hashable]) -> AfterValidator:
    """Return a validator that drops the entries of a list whose key was there before."""

    def checked(values: tuple[T, ...]) -> tuple[T, ...]:
        first: dict[Hashable, T] = {}
        for value in values:
            first.setdefault(key(value), value)
        return tuple(first.values())

    return AfterValidator(checked)


def lowered(text: str) -> str:
    """Return an id or a name in lower case, as Azure compares them."""
    return text.lower()


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise refuse("A time is an ISO 8601 text, for example 2026-03-01T12:00:00Z.")
    try:
        return from_text(value)
    except (ValueError, OverflowError):
        raise refuse(f"'{value[:40]}' is not an ISO 8601 time, for example 2026-03-01T12:00:00Z.") from None


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise refuse("A duration is an ISO 8601 text, for example PT6H.")
    try:
        return parse_duration(value)
    except ValueError:
        raise refuse(f"'{value[:40]}' is not an ISO 8601 duration without years and months, for example PT6H.") from None


def duration_between(least: timedelta, most: timedelta) -> BeforeValidator:
    """Return a validator that reads an ISO 8601 duration within bounds, both included."""

    def checked(value: object) -> timedelta:
        span = value if isinstance(value, timedelta) else _duration(value)
        if not least <= span <= most:
            raise refuse(f"{duration_text(span)} is not between {duration_text(least)} and {duration_text(most)}.")
        return span

    return BeforeValidator(checked)


def _resource_group_id(text: str) -> str:
    segments = text.removesuffix("/").removeprefix("/").split("/")
    try:
        if len(segments) != _GROUP_SEGMENTS:
            raise ValueError
        group = ResourceId.parse("/".join(segments) + _ANY_RESOURCE)
    except ValueError:
        message = f"'{text[:80]}' is not the id of a resource group: /subscriptions/{{subscription}}/resourceGroups/{{name}}."
        raise refuse(message) from None
    return f"/subscriptions/{group.subscription_id}/resourceGroups/{group.resource_group}"


def whole(least: int, most: int) -> Any:  # noqa: ANN401  # what Field returns
    """Return the bounds of a whole number, both included; texts and fractions are refused."""
    return Field(strict=True, ge=least, le=most)


SentMoment = Annotated[Moment, BeforeValidator(_moment)]
DurationSchema = WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT6H"]})
DurationText = PlainSerializer(duration_text, return_type=str, when_used="json")
ResourceGroupId = Annotated[str, AfterValidator(_resource_group_id), WithJsonSchema({"type": "string", "format": "arm-id"})]
SubnetId = Annotated[str, resource_id_of("Microsoft.Network/virtualNetworks/subnets")]
GroupName = ResourceGroupName
