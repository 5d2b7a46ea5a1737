"""Assembles the capability `tenants` from the core."""

from collections.abc import Sequence

from shared.capability import Core, Parts, ReadinessCheck
from shared.tenants.readiness.runner import ReadinessRunner


def assemble(core: Core, checks: Sequence[ReadinessCheck]) -> Parts:
    """Return what runs readiness checks; `checks` are those that an app has which serves no other capability."""
    return Parts(services=(ReadinessRunner(core.registry),), readiness=tuple(checks))
