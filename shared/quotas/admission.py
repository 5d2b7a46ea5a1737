"""Whether what an operation is about to make fits the quotas (docs/design/tenants.md, "Quotas"); no I/O.

A claim is what a resource will count, new or grown. What the list already shows of it is not counted twice: of a resource the largest of
the list and its claims counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import ErrorCode, Problem
from shared.quotas.counting import Amounts, Counted, Dimension, total


@dataclass(frozen=True, slots=True)
class Claimed:
    """A resource by its ARM id, and what it will count in each dimension."""

    id: str
    amounts: Mapping[Dimension, float]


@dataclass(frozen=True, slots=True)
class Excess:
    """A dimension in which a request does not fit: `used` is listed, `reserved` what others are about to make."""

    dimension: Dimension
    limit: int
    used: int
    reserved: int
    requested: int


def limited(limits: Counted, own: Iterable[Claimed]) -> tuple[Dimension, ...]:
    """Return the dimensions in which claims are made and a limit is in force: only these have to be counted."""
    claimed = {dimension for one in own for dimension in one.amounts}
    return tuple(dimension for dimension in Dimension if dimension in claimed and limits[dimension] is not None)


def excesses(limits: Counted, listed: Amounts, others: Sequence[Claimed], own: Sequence[Claimed]) -> tuple[Excess, ...] | None:
    """Return the dimensions in which own claims do not fit beside what is listed and what others have claimed.

    None where a limited dimension was not counted: then nothing may be admitted.
    """
    found = []
    for dimension in limited(limits, own):
        amounts, limit = listed[dimension], limits[dimension]
        if amounts is None or limit is None:
            return None
        with_others = _largest(amounts, others, dimension)
        used, before, after = total(amounts), total(with_others), total(_largest(with_others, own, dimension))
        if after > limit and after > before:
            found.append(Excess(dimension, limit, used, before - used, after - before))
    return tuple(found)


def reserved(listed: Amounts, claims: Sequence[Claimed], dimension: Dimension) -> int:
    """Return what claims add in a dimension to what is listed; to what was not counted they add all of theirs."""
    amounts = listed[dimension] or {}
    return total(_largest(amounts, claims, dimension)) - total(amounts)


def quota_problem(found: Sequence[Excess]) -> Problem:
    """Return `QuotaExceeded`, with a detail for each dimension."""
    details = tuple(Problem(ErrorCode.QUOTA_EXCEEDED, _sentence(one), one.dimension) for one in found)
    return Problem(ErrorCode.QUOTA_EXCEEDED, " ".join(one.message for one in details), found[0].dimension, details)


def _sentence(one: Excess) -> str:
    beside = f" and {one.reserved} reserved" if one.reserved else ""
    return f"The limit of {one.dimension} is {one.limit}; {one.used} are used{beside}, and this needs {one.requested} more."


def _largest(amounts: Mapping[str, float], claims: Iterable[Claimed], dimension: Dimension) -> dict[str, float]:
    found = dict(amounts)
    for one in claims:
        if dimension in one.amounts:
            key = one.id.lower()
            found[key] = max(found.get(key, 0.0), one.amounts[dimension])
    return found
