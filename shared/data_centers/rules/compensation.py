"""In which order what an order made is undone. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

_ORDER: Final = ("user", "account", "subscription", "addOn", "link", "subscribed")
"""The kinds of things in the order in which an order makes them: each needs those before it."""


def to_undo(made: Sequence[str], undone: Collection[str]) -> tuple[str, ...]:
    """Return what is yet to be undone, the last made first. A thing is a kind, or `kind/name`."""
    left = [(position, thing) for position, thing in enumerate(made) if thing not in undone]
    ordered = sorted(left, key=lambda one: (_ORDER.index(one[1].partition("/")[0]), one[0]), reverse=True)
    return tuple(thing for _, thing in ordered)
