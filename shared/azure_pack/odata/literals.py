"""Keys, literals and filters of OData 3 as VMM takes them. Pure; percent-encoding is the transport's."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import unquote
from uuid import UUID

_PART: Final = re.compile(
    r"(?P<name>ID|StampId)\s*=\s*guid'\{?(?P<value>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?'", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a VMM object: its id and the id of the stamp that holds it."""

    id: UUID
    stamp: UUID

    def __str__(self) -> str:
        return f"(ID=guid'{self.id}',StampId=guid'{self.stamp}')"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key in either order, `guid` or `Guid`, with braces or without; raises `ValueError` for anything else."""
        inner = unquote(text).strip()
        if inner.startswith("(") and inner.endswith(")"):
            inner = inner[1:-1]
        parts = inner.split(",")
        found = [_PART.fullmatch(part.strip()) for part in parts]
        values = {match["name"].lower(): UUID(match["value"]) for match in found if match is not None}
        if len(parts) != 2 or set(values) != {"id", "stampid"}:
            raise ValueError(f"'{text[:120]}' is not a key. Use (ID=guid'…',StampId=guid'…').")
        return cls(values["id"], values["stampid"])


def literal(value: str | bool | int | float | UUID | datetime) -> str:
    """Return a value as OData writes it: `'it''s'`, `guid'…'`, `datetime'…'`, `true`, a number."""
    match value:
        case bool():
            return "true" if value else "false"
        case UUID():
            return f"guid'{value}'"
        case datetime():
            if value.tzinfo is None:
                raise ValueError("A time without an offset has no literal.")
            return f"datetime'{value.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%f')}'"
        case int() | float():
            return str(value)
        case _:
            doubled = value.replace("'", "''")
            return f"'{doubled}'"


def eq(field: str, value: str | bool | int | float | UUID | datetime) -> str:
    """Return the filter that a field has a value; `field` may be a path such as `Owner/RoleID`."""
    return f"{field} eq {literal(value)}"


def all_of(*filters: str) -> str:
    """Return the filter that all of these filters hold; several are put in parentheses."""
    return filters[0] if len(filters) == 1 else " and ".join(f"({each})" for each in filters)
