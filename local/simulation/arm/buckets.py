"""Resource Manager's token buckets, filled on Azure's time (docs/azure/resource-manager.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from local.simulation.arm.errors import ArmError


class Kind(StrEnum):
    """The type of operation that a bucket counts."""

    READS = "reads"
    WRITES = "writes"
    DELETES = "deletes"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls a bucket holds, and how many it gets back in a second of Azure's time."""

    size: float
    refill: float


#: Of a principal in a subscription; all principals together have `_GLOBAL` times as much.
LIMITS = {Kind.READS: Limit(250, 25), Kind.WRITES: Limit(200, 10), Kind.DELETES: Limit(200, 10)}
_GLOBAL = 15
#: Queries of Resource Graph, of a principal, in each window.
QUERIES = 15
_QUERY_WINDOW = timedelta(seconds=5)

#: Compute's own, of a subscription, for reads: calls in three minutes and in thirty.
_COMPUTE = {"LowCostGet3Min": Limit(4000, 4000 / 180), "LowCostGet30Min": Limit(32000, 32000 / 1800)}


class _Bucket:
    __slots__ = ("at", "left", "limit")

    def __init__(self, limit: Limit, now: datetime) -> None:
        self.limit, self.left, self.at = limit, limit.size, now

    def fill(self, now: datetime) -> None:
        if now > self.at:
            self.left = min(self.limit.size, self.left + (now - self.at).total_seconds() * self.limit.refill)
            self.at = now

    def wait(self) -> float:
        return (1 - self.left) / self.limit.refill


class Buckets:
    """Every bucket that was ever drawn from. The one process is one Azure region's front door, so the region is no part of the key."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self._queries: dict[str, tuple[datetime, int]] = {}

    def clear(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()
        self._queries.clear()

    def take(self, principal: str, subscription: str, kind: Kind, now: datetime, *, compute: bool) -> dict[str, str]:
        """Draw one call, and return the headers with what remains; raises `ArmError` 429 with the seconds to wait."""
        limit = LIMITS[kind]
        own = self._bucket((principal, subscription, kind), limit, now)
        shared = self._bucket((subscription, kind), Limit(limit.size * _GLOBAL, limit.refill * _GLOBAL), now)
        drawn = [own, shared]
        resource: list[tuple[str, _Bucket]] = []
        if compute and kind is Kind.READS:
            resource = [(name, self._bucket((subscription, name), policy, now)) for name, policy in _COMPUTE.items()]
            drawn += [bucket for _, bucket in resource]
        wait = max((bucket.wait() for bucket in drawn if bucket.left < 1), default=0.0)
        if wait > 0:
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{kind}' requests for subscription '{subscription}' and client '{principal}' exceeded the limit of "
                f"'{limit.size:.0f}'. Please try again after '{int(wait) + 1}' seconds.",
                retry_after=wait,
            )
        for bucket in drawn:
            bucket.left -= 1
        headers = {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(own.left))}
        if resource:
            headers["x-ms-ratelimit-remaining-resource"] = ",".join(f"Microsoft.Compute/{name};{int(b.left)}" for name, b in resource)
        return headers

    def take_query(self, principal: str, now: datetime) -> dict[str, str]:
        """Draw one query of Resource Graph: 15 in each 5 seconds of a principal; raises `ArmError` 429."""
        first, count = self._queries.get(principal, (now, 0))
        if now - first >= _QUERY_WINDOW:
            first, count = now, 0
        resets = max(timedelta(0), first + _QUERY_WINDOW - now)
        headers = {
            "x-ms-user-quota-remaining": str(max(0, QUERIES - count - 1)),
            "x-ms-user-quota-resets-after": f"00:00:{resets.seconds:02}",
        }
        if count >= QUERIES:
            raise ArmError(
                429,
                "RateLimiting",
                "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed.",
                retry_after=max(1.0, resets.total_seconds()),
            )
        self._queries[principal] = (first, count + 1)
        return headers

    def _bucket(self, key: tuple[str, ...], limit: Limit, now: datetime) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(limit, now)
        else:
            bucket.fill(now)
        return bucket


def last_hour(times: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """Return those of the times that an allowance per hour still counts."""
    return tuple(each for each in times if each > now - timedelta(hours=1))
