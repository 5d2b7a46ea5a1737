"""The log: every write that took effect, in order, and the number of requests of each operation."""

from collections.abc import Iterable

from local.simulation.arm.tables import Json


class Effects:
    """Every write that took effect. Sequence numbers continue when the list is emptied, so that a `since` stays valid."""

    def __init__(self, rows: Iterable[Json] = (), last: int = 0) -> None:
        self._rows = list(rows)
        self.last = max(last, int(self._rows[-1]["sequence"]) if self._rows else 0)

    def add(self, effect: Json) -> Json:
        """Add an effect, and return it with its sequence number."""
        self.last += 1
        numbered = {"sequence": self.last, **effect}
        self._rows.append(numbered)
        return numbered

    def since(self, sequence: int) -> list[Json]:
        """Return the effects after this sequence number."""
        if not self._rows:
            return []
        return self._rows[max(0, sequence - int(self._rows[0]["sequence"]) + 1) :]

    def clear(self) -> None:
        """Empty the list."""
        self._rows.clear()


class Requests:
    """The number of requests, by method, operation and subscription.

    `throttled` are answers with 429. `refused` are other answers with 4xx, but for 404: reading a resource that does not exist is no error.
    """

    def __init__(self, rows: Iterable[Json] = ()) -> None:
        self._counts = {
            (row["method"], row["operation"], row["subscriptionId"]): [row["count"], row["throttled"], row["refused"]] for row in rows
        }

    def add(self, method: str, operation: str, subscription: str, status: int) -> None:
        """Count a request by the status that it got, or would have got; 0 where it got none."""
        counts = self._counts.setdefault((method, operation, subscription), [0, 0, 0])
        counts[0] += 1
        counts[1] += status == 429
        counts[2] += 400 <= status < 500 and status not in (404, 429)

    def as_json(self) -> list[Json]:
        """Return the counts."""
        return [
            {
                "method": method,
                "operation": operation,
                "subscriptionId": subscription,
                "count": count,
                "throttled": throttled,
                "refused": refused,
            }
            for (method, operation, subscription), (count, throttled, refused) in self._counts.items()
        ]

    def clear(self) -> None:
        """Forget the counts."""
        self._counts.clear()
