"""What installations and data centers need of a key vault."""

from collections.abc import Mapping
from typing import Protocol

from shared.values.hidden import Hidden


class Secrets(Protocol):
    """The app's key vault."""

    async def admit(self, reference: str, *, tenant: str, target: str) -> None:
        """Refuse with `NotFound`, without asking the vault, a reference that a request of this tenant's may not make."""
        ...

    async def put(self, name: str, value: Hidden, tags: Mapping[str, str]) -> str:
        """Write a secret and return its reference; refuses with `ServiceUnavailable` and, without a vault, `NotOffered`."""
        ...

    async def find(self, name: str) -> tuple[str, Hidden] | None:
        """Return the reference and the value of a secret of the app's own vault by its name, or None; raises `CallFailure`."""
        ...

    async def read(self, reference: str) -> Hidden | None:
        """Return a secret, None where it is not there; raises `CallFailure`."""
        ...

    async def delete(self, reference: str) -> None:
        """Delete a secret; one that is gone is deleted. Raises `CallFailure`."""
        ...
