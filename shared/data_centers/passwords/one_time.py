"""One-time links: nothing that is stored opens one, and the password is shown once (docs/design/data-centers.md, "The welcome mail").

The proof of a link is the HMAC-SHA256 of the operation's id under a key in Key Vault, so that an announcement that is repeated has the same
link. Only the newest operation that made a password counts.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import Final

from shared.clock import Clock, from_text
from shared.data_centers.answers import OneTimeSecret
from shared.data_centers.kinds import DATA_CENTER
from shared.data_centers.records.record import DataCenter, SecretOf, SecretState
from shared.data_centers.records.store import DataCenterStore
from shared.errors import ErrorCode, Refused
from shared.installations.reach.connections import Connections
from shared.installations.secrets import Vault
from shared.operations.model.identity import is_operation_id
from shared.operations.model.models import Operation
from shared.operations.model.store import Store
from shared.storage.tables import Conflict
from shared.values.hidden import Hidden

KEY_NAME: Final = "one-time-link-key"
_KEY_BYTES: Final = 32
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class OneTimeSecrets:
    """Makes links, and shows what one opens, once."""

    store: DataCenterStore
    operations: Store
    connections: Connections
    secrets: Vault
    clock: Clock
    base_url: str

    async def announced(self, operation: Operation) -> Operation:
        """Return the operation as its event shows it: with the address of its secret, where it made one that waits."""
        result = operation.result or {}
        shown = result.get("welcome")
        if not isinstance(shown, dict) or shown.get("secretExpiresAt") is None:
            return operation
        link = f"{self.base_url}/api/one-time-secrets#{operation.id}.{await self._proof(operation.id)}"
        return replace(operation, result={**result, "welcome": {**shown, "secretUrl": link}})

    async def open(self, token: str) -> OneTimeSecret:
        """Return what a link opens, and delete it; refuses with `NotFound` a wrong one, with `SecretGone` one that has ended."""
        operation_id, _, proof = token.partition(".")
        if len(token) > _LONGEST or not is_operation_id(operation_id) or not await self._proves(operation_id, proof):
            raise Refused(ErrorCode.NOT_FOUND, "This link is not known.", target="token")
        operation = await self.operations.get(operation_id)
        if operation is None or operation.kind != DATA_CENTER.name:
            raise Refused(ErrorCode.NOT_FOUND, "This link is not known.", target="token")
        stored = await self.store.get(operation.tenant, str(operation.body.get("target", "")))
        if stored is None or not self._waits(stored.document.secret, operation_id):
            raise _gone()
        record, reference = stored.document, stored.document.secret.reference or ""
        password = await self.secrets.read(reference)
        if password is None:
            raise _gone()
        revealed = record.secret.model_copy(update={"state": SecretState.REVEALED, "reference": None})
        try:
            await self.store.replace(stored, record.model_copy(update={"secret": revealed}))
        except Conflict:
            return await self.open(token)  # another write came first: it decides
        await self.secrets.delete(reference)
        return await self._shown(record, password)

    async def expire(self) -> None:
        """Delete the passwords of links that have ended: a job of the timer `schedule`."""
        async for record in self.store.with_waiting_secrets():
            if self._ended(record.secret):
                await self._expire(record)

    async def _expire(self, record: DataCenter) -> None:
        reference = record.secret.reference

        def change(now: DataCenter) -> DataCenter:
            if now.secret != record.secret:
                return now
            return now.model_copy(update={"secret": now.secret.model_copy(update={"state": SecretState.EXPIRED, "reference": None})})

        if reference is not None:
            await self.secrets.delete(reference)
        await self.store.change(record.tenant, record.id, change)

    async def _shown(self, record: DataCenter, password: Hidden) -> OneTimeSecret:
        connection = await self.connections.get(record.installation)
        portal = connection.settings.portal_url if connection is not None else None
        return OneTimeSecret(user_name=record.user.name if record.user else None, password=password.reveal(), portal_url=portal)

    def _waits(self, secret: SecretOf, operation: str) -> bool:
        return secret.state is SecretState.WAITING and secret.operation == operation and not self._ended(secret)

    def _ended(self, secret: SecretOf) -> bool:
        return secret.expires_at is not None and self.clock.wall() >= from_text(secret.expires_at)

    async def _proves(self, operation: str, proof: str) -> bool:
        return hmac.compare_digest(proof.encode(), (await self._proof(operation)).encode())

    async def _proof(self, operation: str) -> str:
        digest = hmac.digest((await self._key()).reveal().encode(), operation.encode(), "sha256")
        return urlsafe_b64encode(digest).decode().rstrip("=")

    async def _key(self) -> Hidden:
        """Return the key of proofs, which is made when it is first needed."""
        reference = await self.store.link_key()
        if reference is None:
            made = await self.secrets.put(KEY_NAME, Hidden(secrets.token_urlsafe(_KEY_BYTES)), {"field": KEY_NAME})
            reference = await self.store.keep_link_key(made)
        found = await self.secrets.read(reference)
        if found is None:
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The key of one-time links could not be read.")
        return found


def _gone() -> Refused:
    return Refused(ErrorCode.SECRET_GONE, "This link was opened before, or has ended. Ask for a new password.", target="token")
