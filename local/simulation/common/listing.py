"""Lists of a subscription or of a resource group."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from local.simulation.arm.call import Call
from local.simulation.ids import key


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_Identified)


def within(call: Call, rows: Iterable[R]) -> list[R]:
    """Return the rows of the subscription, or of its resource group, that the path names."""
    scope = f"/subscriptions/{call.names[0].lower()}/"
    if "/resourcegroups/" in call.path.lower():
        scope += f"resourcegroups/{call.names[1].lower()}/"
    return [row for row in rows if key(row.id).startswith(scope)]
