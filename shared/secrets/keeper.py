"""The secrets of requests and operations, in the app's own vault: stored, read and deleted (docs/design/secrets.md).

No name is used twice: the name of a deleted secret cannot be written again while the vault keeps it.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.clock import Clock, Ids
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.secrets.ids import SecretId, normal_vault
from shared.secrets.vaults import KeyVaults, Secret
from shared.values.hidden import Hidden

_log = logging.getLogger(__name__)
PREFIX: Final = "farshore-"
"""The beginning of the names of requests' secrets: `farshore-{operation id}-{8 random}`."""
INCOMING: Final = "incoming-"
"""The beginning of the names under which other systems leave secrets in the app's own vault."""
REFERENCE: Final = "keyVaultSecretId"
"""The member of a request that refers to a secret."""
_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets in key vaults. `own` is the URL of the app's own vault, None where the deployment has none."""

    vaults: KeyVaults
    own: str | None
    suffix: str
    clock: Clock
    ids: Ids

    async def store(
        self, prefix: str, value: Hidden, tags: Mapping[str, str], *, expires: datetime | None = None, target: str | None = None
    ) -> SecretId:
        """Store a secret in the app's own vault as `{prefix}-{8 random}` and return its id, with its version.

        Raises `Refused`: NotOffered without a vault, ServiceUnavailable where the vault does not take it.
        """
        secret = SecretId(self._own(target), f"{prefix}-{self.ids.new()[:8]}")
        try:
            return await self.vaults.set(secret, value, tags, expires)
        except CallFailure as failure:
            _log.warning("the key vault did not store a secret: %s", failure.code)
            message = f"The key vault did not store the secret ({failure.code}). Nothing was accepted; send the request again later."
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, target=target) from None

    async def store_as(self, name: str, value: Hidden, tags: Mapping[str, str], expires: datetime) -> SecretId:
        """Store a secret of an operation's own in the app's own vault under a name that only this operation uses.

        Again under the same name makes a new version. Raises `CallFailure`, and `Refused` with NotOffered without a vault.
        """
        return await self.vaults.set(SecretId(self._own(None), name), value, tags, expires)

    async def store_of_request(self, operation: str, tenant: str, field: str, value: Hidden) -> SecretId:
        """Store a plain secret of the request that is to become an operation; raises as `store`."""
        tags = {"tenant": tenant, "operation": operation, "field": field[:256]}
        return await self.store(f"{PREFIX}{operation}", value, tags, expires=self.clock.now() + _KEPT, target=field)

    async def read(self, reference: str | SecretId) -> Secret:
        """Read a secret; raises `CallFailure`, `ValueError` for what is no reference."""
        secret = SecretId.parse(reference, self.suffix) if isinstance(reference, str) else reference
        return await self.vaults.get(secret)

    async def delete(self, secrets: Iterable[SecretId]) -> None:
        """Delete secrets; one that is gone counts as deleted. What fails is logged and left to the sweep."""
        await asyncio.gather(*(self._delete(secret) for secret in secrets))

    async def delete_reference(self, reference: str) -> None:
        """Delete a secret of the app's own vault by its reference; one that is gone counts as deleted. Raises `CallFailure`."""
        secret = SecretId.parse(reference, self.suffix)
        if not self.is_own(secret):
            return
        try:
            await self.vaults.delete(secret.newest())
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise

    async def delete_of_operation(self, operation: str, body: object) -> None:
        """Delete the secrets that were stored for an operation; `body` is its request, with their references."""
        await self.delete(self.of_operation(operation, body))

    def of_operation(self, operation: str, body: object) -> tuple[SecretId, ...]:
        """Return the secrets that were stored for an operation, by the references in its request."""
        found = []
        for reference in _references(body):
            try:
                secret = SecretId.parse(reference, self.suffix)
            except ValueError:
                continue
            if self.is_own(secret) and secret.name.startswith(f"{PREFIX}{operation}-"):
                found.append(secret)
        return tuple(found)

    def is_own(self, secret: SecretId) -> bool:
        """Whether a secret is in the app's own vault."""
        return self.own is not None and secret.vault == normal_vault(self.own)

    async def close(self) -> None:
        """Close every connection."""
        await self.vaults.close()

    async def _delete(self, secret: SecretId) -> None:
        try:
            await self.vaults.delete(secret.newest())
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                _log.warning("secret %s could not be deleted; the sweep deletes it: %s", secret.name, failure.code)

    def _own(self, target: str | None) -> str:
        if not self.own:
            message = "This deployment has no key vault for secrets (FARSHORE_KEY_VAULT_URL). Send a reference instead: keyVaultSecretId."
            raise Refused(ErrorCode.NOT_OFFERED, message, target=target)
        return normal_vault(self.own)


def not_readable(target: str, failure: CallFailure) -> Problem:
    """Return the error of an operation whose secret cannot be read when it is needed."""
    return Problem(ErrorCode.SECRET_NOT_READABLE, f"The secret could not be read ({failure.code}).", target, (failure.problem,))


def _references(body: object) -> Iterator[str]:
    if isinstance(body, dict):
        for name, value in body.items():
            if name == REFERENCE and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(body, list):
        for item in body:
            yield from _references(item)
