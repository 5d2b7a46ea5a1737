"""The result of a check."""

from collections.abc import Iterable
from enum import StrEnum


class CheckResult(StrEnum):
    """What a check found."""

    PASS = "pass"  # noqa: S105  # the contract's name for a check that passed
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


_WORST_FIRST = (CheckResult.FAILURE, CheckResult.UNKNOWN, CheckResult.WARNING, CheckResult.PASS)


def worst(results: Iterable[CheckResult]) -> CheckResult:
    """Return the worst of some results: failure, unknown, warning, pass; unknown where there is none."""
    found = set(results)
    return next((one for one in _WORST_FIRST if one in found), CheckResult.UNKNOWN)
