"""The capabilities that there are; each is a folder of this name below `functions/` that declares a CAPABILITY."""

from collections.abc import Iterable
from importlib import import_module
from typing import Final

from shared.capability import Capability

NAMES: Final = ("copies", "failovers", "tenants", "virtual_machines", "data_centers")
"""Every capability, in the order in which they are assembled: the one place to add one."""


def load(names: Iterable[str]) -> tuple[Capability, ...]:
    """Return the capabilities of these names, all of them where there are none; raises `ValueError` for an unknown name."""
    wanted = tuple(names) or NAMES
    for name in wanted:
        if name not in NAMES:
            known = ", ".join(f"'{one}'" for one in NAMES)
            raise ValueError(f"FARSHORE_CAPABILITIES: '{name}' is not a capability. Use one or more of {known}, comma-separated.")
    return tuple(import_module(f"functions.{name}").CAPABILITY for name in wanted)
