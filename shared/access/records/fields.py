"""The fields of tenants and hosting plans as they are stored: read with their defaults where a value is missing or unreadable."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared.values.durations import duration_text, parse_duration

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
QUOTA_LIMIT = 10_000_000
DISK_SKUS = ("Standard_LRS", "StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS")


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a tenant or of a hosting plan."""
    return _NAME.fullmatch(text) is not None


class StoredModel(BaseModel):
    """A stored object: members of a newer version are kept and written back."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True, defer_build=True)


def duration_between(what: str, least: timedelta, most: timedelta) -> Callable[[object], object]:
    """Return a validator of a duration within bounds; it raises `ValueError` with `what` for another value."""

    def check(value: object) -> object:
        if value is None or isinstance(value, timedelta):
            return value
        span = parse_duration(value) if isinstance(value, str) else None
        if span is None or not least <= span <= most:
            bounds = f"{duration_text(least)} to {duration_text(most)}"
            raise ValueError(f"{what} must be an ISO 8601 duration from {bounds}, for example PT4H")
        return span

    return check


def whole_or(default: int | None) -> Callable[[object], object]:
    """Return a validator that replaces anything but a number of at least 0 by a default: rows were written by hand."""

    def check(value: object) -> object:
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else default

    return check


_WRITTEN = PlainSerializer(duration_text, return_type=str, when_used="json-unless-none")
_SCHEMA = WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT24H"]})

Objective = Annotated[
    timedelta, BeforeValidator(duration_between("A recovery point objective", timedelta(minutes=1), timedelta(days=366))), _WRITTEN, _SCHEMA
]
DiskAccess = Annotated[
    timedelta, BeforeValidator(duration_between("The longest disk access", timedelta(minutes=1), timedelta(days=60))), _WRITTEN, _SCHEMA
]


def lower(value: Any) -> Any:  # noqa: ANN401  # runs before the field's type is checked
    """Return a text in lower case; anything else unchanged."""
    return value.lower() if isinstance(value, str) else value


LowerText = Annotated[str, BeforeValidator(lower)]
