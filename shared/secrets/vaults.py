"""What is asked of key vaults. `key_vault.py` asks Azure; tests have a fake in memory (`tests/support/secrets.py`)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.secrets.ids import SecretId
from shared.values.hidden import Hidden


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as its vault answers it; `id` names the version."""

    id: SecretId
    value: Hidden
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedSecret:
    """A secret of a list, which has no values."""

    id: SecretId
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


class KeyVaults(Protocol):
    """Key vaults by URL.

    Every call raises `CallFailure`: NOT_FOUND for a secret that is not there, REFUSED without a right to it, or where it is disabled.
    """

    async def set(self, secret: SecretId, value: Hidden, tags: Mapping[str, str], expires: datetime | None) -> SecretId:
        """Write a new version of a secret and return its id."""
        ...

    async def get(self, secret: SecretId) -> Secret:
        """Read a secret, at the version named or the newest."""
        ...

    async def delete(self, secret: SecretId) -> None:
        """Delete all versions of a secret; its name cannot be written again for the vault's retention."""
        ...

    def each(self, vault: str) -> AsyncIterator[ListedSecret]:
        """Yield the secrets of a vault, without their values."""
        ...

    async def connect(self) -> None:
        """Make what the first call would make."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
