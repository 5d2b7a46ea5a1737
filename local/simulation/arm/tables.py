"""Tables of rows kept in memory, and changes to them as values, so that a decision can be taken apart from its effect."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

Row = TypeVar("Row")
Json = dict[str, Any]
#: Whatever JSON can hold.
JsonValue: TypeAlias = Any


class Table(Generic[Row]):
    """Rows of one kind by key; `read` and `write` turn a row into JSON and back, for the estate and the store."""

    def __init__(
        self,
        name: str,
        read: Callable[[Mapping[str, Any]], Row],
        write: Callable[[Row], Json],
        noticed: Callable[[str, Row | None, Row | None], None] | None = None,
    ) -> None:
        self.name = name
        self.read = read
        self.write = write
        self._rows: dict[str, Row] = {}
        self._by_subscription: dict[str, dict[str, Row]] = {}
        self._noticed = noticed

    def get(self, key: str) -> Row | None:
        """Return the row of this key, or None."""
        return self._rows.get(key)

    def values(self) -> Iterator[Row]:
        """Return the rows in the order in which they first came."""
        return iter(self._rows.values())

    def of_subscription(self, subscription: str) -> Iterator[Row]:
        """Return the rows whose ARM ids are of a subscription, in the order in which they first came."""
        return iter(self._by_subscription.get(subscription.lower(), {}).values())

    def items(self) -> Iterator[tuple[str, Row]]:
        """Return keys and rows in the order in which they first came."""
        return iter(self._rows.items())

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, key: str, row: Row | None) -> None:
        """Set the row of this key; None removes it."""
        old = self._rows.get(key)
        subscription = key.split("/", 3)[2] if key.startswith("/subscriptions/") else ""
        of_subscription = self._by_subscription.setdefault(subscription, {}) if subscription else {}
        for rows in (self._rows, of_subscription):
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        if self._noticed is not None:
            self._noticed(key, old, row)

    def clear(self) -> None:
        """Remove every row."""
        for key in list(self._rows):
            self.put(key, None)


@dataclass(frozen=True, slots=True)
class Change:
    """What one row becomes; None removes it."""

    table: Table[Any]
    key: str
    row: Any
