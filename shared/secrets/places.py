"""Where the secrets of a request are in its JSON. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Place = tuple[str | int, ...]
"""The names and indices that lead to a secret's object: ("user", "password")."""


def with_references(body: Mapping[str, Any], references: Mapping[Place, str]) -> dict[str, Any]:
    """Return a separated body with references in the places of its plain secrets."""
    filled = deepcopy(dict(body))
    for place, reference in references.items():
        put(filled, place, {"keyVaultSecretId": reference})
    return filled


def name_of(place: Place) -> str:
    """Return a place as errors name it: `user.password`, `dataDisks[0].key`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def field_of(place: Place) -> str:
    """Return the field of a request that a place in an operation's body is about: the body that was sent may be its member `body`."""
    return name_of(place[1:] if len(place) > 1 and place[0] == "body" else place)


def put(body: dict[str, Any], place: Place, value: object) -> None:
    """Put a value in a place of a JSON object."""
    at: Any = body
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = value
