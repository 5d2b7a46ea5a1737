"""Where the secrets of a request are in its JSON. Pure."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from shared.values.sent import SentBody

Place = tuple[str | int, ...]
"""The names and indices that lead to a secret's object: ("user", "password")."""


def with_references(sent: SentBody, references: Mapping[Place, str]) -> SentBody:
    """Return a separated body with references in the places of its plain secrets."""
    return _filled(sent, {place: {"keyVaultSecretId": reference} for place, reference in references.items()})


def without_secrets(sent: SentBody, places: Iterable[Place]) -> SentBody:
    """Return a body with an empty object in the place of each of its plain secrets."""
    return _filled(sent, {place: {} for place in places})


def name_of(place: Place) -> str:
    """Return a place as errors name it: `user.password`, `dataDisks[0].key`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def field_of(place: Place) -> str:
    """Return the field of a request that a place in an operation's body is about: the body that was sent may be its member `body`."""
    return name_of(place[1:] if len(place) > 1 and place[0] == "body" else place)


def _filled(sent: SentBody, values: Mapping[Place, Mapping[str, str]]) -> SentBody:
    filled = deepcopy(dict(sent.members))
    for place, value in values.items():
        at: Any = filled
        for part in place[:-1]:
            at = at[part]
        at[place[-1]] = value
    return SentBody(filled)
