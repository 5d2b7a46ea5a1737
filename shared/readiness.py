"""What a capability checks of a tenant, and what it found: whether the tenant can be protected."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.access.records.tenant import Shape, Tenant
from shared.reads.timed import Memo
from shared.values.checks import CheckResult


@dataclass(frozen=True, slots=True)
class ReadinessFinding:
    """One result of a readiness check: the number and name of the rule, the resource or tenant that it is about, and what was found.

    `action` is what to do, None for a pass.
    """

    number: int
    name: str
    target: str
    result: CheckResult
    message: str
    action: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the finding as answers contain it."""
        found = {"result": self.result.value, "message": self.message, "action": self.action}
        return {"number": self.number, "name": self.name, "target": self.target, **found}


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """What a check found of a tenant, and how the tenant's machines are protected as its vault shows it (None: not known)."""

    findings: tuple[ReadinessFinding, ...]
    shape: Shape | None = None


def _no_findings(_tenant: str) -> tuple[ReadinessFinding, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """What a capability checks of a tenant: whether it can be protected. `run` only reads; what cannot be read is an unknown finding.

    `unjudged` returns the findings of a tenant, by its name, for which `run` failed. Two capabilities may contribute the same check; it has
    one `name`, and runs once.
    """

    name: str
    run: Callable[[Tenant, Memo], Awaitable[ReadinessReport]]
    unjudged: Callable[[str], tuple[ReadinessFinding, ...]] = _no_findings
