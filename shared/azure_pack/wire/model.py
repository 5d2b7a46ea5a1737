"""Models of what Azure Pack answers: members in any case and order, null as absent, unknown members kept."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from shared.azure_pack.errors import unreadable

_DATE: Final = re.compile(r"\\?/Date\((?P<milliseconds>-?\d{1,15})(?P<zone>[+-]\d{4})?\)\\?/")
_MOST_NAMES: Final = 500
"""Spellings that are kept for a model: an answer may have any."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
C = TypeVar("C", bound=StrEnum)


class Model(BaseModel):
    """An object that Azure Pack answered. Unknown members are in `model_extra`; a number may be written as text."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_pascal, populate_by_name=True, coerce_numbers_to_str=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _as_named(cls, value: Any) -> Any:  # noqa: ANN401  # what a validator before gets and returns
        if not isinstance(value, Mapping):
            return value
        names = _names(cls)
        return {names[key]: member for key, member in value.items() if member is not None}

    @classmethod
    def read(cls, value: object) -> Self:
        """Read an object; raises `AzurePackError` UNREADABLE, which names the first member that cannot be read, not its value."""
        try:
            return cls.model_validate(value)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise unreadable(f"{cls.__name__} cannot be read: {place}: {first['type']}.") from None


class _Names(dict[str, str]):
    """The members of a model by their names, as they are and in lower case; each other spelling is looked up once."""

    def __missing__(self, key: str) -> str:
        found = self.get(str(key).lower(), key)
        if len(self) < _MOST_NAMES:
            self[key] = found
        return found


@cache
def _names(model: type[Model]) -> _Names:
    members = [field.alias or key for key, field in model.model_fields.items()]
    return _Names({name.lower(): name for name in members} | {name: name for name in members})


class Input(BaseModel):
    """An object that is sent to Azure Pack; members that are None are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, populate_by_name=True, defer_build=True)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def choice(kind: type[C], *by_number: C) -> Callable[[object], C]:
    """Return the reader of an enumeration that is written as a name or a number; a value that it does not have becomes `UNKNOWN`."""
    unknown = kind("Unknown")
    names = {each.value.lower(): each for each in kind}

    def read(value: object) -> C:
        text = str(value).strip()
        if text.isascii() and text.isdigit() and len(text) < 4:
            return by_number[int(text)] if int(text) < len(by_number) else unknown
        return names.get(text.lower(), unknown)

    return read


def moment(value: object) -> object:
    """Read an ISO time or `/Date(milliseconds+zone)/`; it keeps its offset, one without is UTC. Raises `ValueError`."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    found = _DATE.fullmatch(text)
    if found is not None:
        return _from_milliseconds(int(found["milliseconds"]), found["zone"])
    read = datetime.fromisoformat(text)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def _from_milliseconds(milliseconds: int, zone: str | None) -> datetime:
    try:
        at = _EPOCH + timedelta(milliseconds=milliseconds)
        if zone is None:
            return at
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return at.astimezone(timezone(-offset if zone[0] == "-" else offset))
    except (OverflowError, ValueError):
        raise ValueError("a time out of range") from None


Moment = Annotated[datetime, BeforeValidator(moment)]
"""A time as Azure Pack writes it, aware."""
