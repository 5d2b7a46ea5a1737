"""Key vaults in memory, for tests of what stores or reads secrets: `MemoryVaults` keeps Key Vault's rules that matter to them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.clock import Clock, Ids, RandomIds, SystemClock
from shared.errors import CallFailure, FailureKind
from shared.secrets.ids import SecretId
from shared.secrets.keeper import Secrets
from shared.secrets.vaults import ListedSecret, Secret
from shared.values.hidden import Hidden

SUFFIX = "vault.azure.net"
OWN = "https://farshore.vault.azure.net"


@dataclass
class MemoryVaults:
    """Secrets by vault and name. `down` makes each call fail as a vault that does not answer; `asked` are the vaults that were asked.

    `not_readable` are names that a read is refused for, with 403. A deleted name cannot be written again.
    """

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    kept: dict[tuple[str, str], list[Secret]] = field(default_factory=dict)
    created: dict[tuple[str, str], datetime] = field(default_factory=dict)
    expires: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    not_readable: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def add(self, text: str, value: str, tags: Mapping[str, str] | None = None) -> SecretId:
        """Put a secret in its vault, as another system does; `text` is its id without a version."""
        return self._write(SecretId.parse(text, SUFFIX), Hidden(value), tags or {}, None)

    def names(self, vault: str = OWN) -> list[str]:
        """The names of the secrets of a vault, those that are deleted left out."""
        return sorted(name for where, name in self.kept if where == vault)

    def value(self, name: str, vault: str = OWN) -> str:
        """The newest value of a secret."""
        return self.kept[vault, name][-1].value.reveal()

    def age(self, step: timedelta) -> None:
        """Let every secret have been written that much earlier."""
        self.created = {key: moment - step for key, moment in self.created.items()}

    async def set(self, secret: SecretId, value: Hidden, tags: Mapping[str, str], expires: datetime | None) -> SecretId:
        """Write a new version of a secret and return its id."""
        self._answer(secret.vault)
        if (secret.vault, secret.name) in self.deleted:
            code = "Conflict"
            raise CallFailure(FailureKind.REFUSED, code=code, message="The secret is deleted but recoverable.", status=409)
        return self._write(secret, value, tags, expires)

    async def get(self, secret: SecretId) -> Secret:
        """Read a secret, at the version named or the newest."""
        self._answer(secret.vault)
        if secret.name in self.not_readable:
            raise CallFailure(FailureKind.REFUSED, code="Forbidden", message="The secret may not be read.", status=403)
        for found in reversed(self.kept.get((secret.vault, secret.name), [])):
            if secret.version in {None, found.id.version}:
                return found
        raise CallFailure(FailureKind.NOT_FOUND, code="SecretNotFound", message="The secret was not found.", status=404)

    async def delete(self, secret: SecretId) -> None:
        """Delete all versions of a secret."""
        self._answer(secret.vault)
        key = (secret.vault, secret.name)
        if self.kept.pop(key, None) is None:
            raise CallFailure(FailureKind.NOT_FOUND, code="SecretNotFound", message="The secret was not found.", status=404)
        self.deleted.add(key)

    async def each(self, vault: str) -> AsyncIterator[ListedSecret]:
        """Yield the secrets of a vault, without their values."""
        self._answer(vault)
        for key, versions in sorted(self.kept.items()):
            if key[0] == vault:
                yield ListedSecret(versions[-1].id.newest(), self.created[key], versions[-1].tags)

    async def connect(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def _answer(self, vault: str) -> None:
        self.asked.append(vault)
        if self.down:
            raise CallFailure(FailureKind.IN_DOUBT, code="Timeout", message="The vault did not answer in time.")

    def _write(self, secret: SecretId, value: Hidden, tags: Mapping[str, str], expires: datetime | None) -> SecretId:
        written = SecretId(secret.vault, secret.name, self.ids.new().replace("-", ""))
        key = (secret.vault, secret.name)
        self.kept.setdefault(key, []).append(Secret(written, value, dict(tags)))
        self.created.setdefault(key, self.clock.now().astimezone(UTC))
        self.expires[key] = expires
        return written


def memory_secrets(vaults: MemoryVaults | None = None, *, own: str | None = OWN) -> Secrets:
    """Secrets over vaults in memory."""
    vaults = vaults or MemoryVaults()
    return Secrets(vaults, own, SUFFIX, vaults.clock, vaults.ids)
