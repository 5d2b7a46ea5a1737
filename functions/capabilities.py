"""Which entry points an app serves: some always, the others by its capabilities (setting FARSHORE_CAPABILITIES)."""

from collections.abc import Iterable, Mapping
from typing import Final

_ALWAYS: Final = ("replication_status.blueprint", "schedules.blueprint", "operations.blueprint", "health.blueprint")
_OF_CAPABILITY: Final[Mapping[str, tuple[str, ...]]] = {
    "copies": ("restore_points.blueprint", "replication_status.checks"),
    "failovers": (
        "failovers.blueprint",
        "vaults.blueprint",
        "set_up.blueprint",
        "drills.blueprint",
        "protection_policies.blueprint",
    ),
    "tenants": ("tenants.blueprint", "readiness.blueprint"),
}
ALL: Final = tuple(_OF_CAPABILITY)
"""Every capability that there is."""


def blueprints(capabilities: Iterable[str]) -> tuple[str, ...]:
    """Return the blueprints of an app with these capabilities, each as `module.name` below `functions`."""
    return (*_ALWAYS, *(name for capability in capabilities for name in _OF_CAPABILITY[capability]))


def modules(capabilities: Iterable[str]) -> tuple[str, ...]:
    """Return the modules below `functions` that have those blueprints, each once, by name."""
    return tuple(sorted({name.partition(".")[0] for name in blueprints(capabilities)}))
