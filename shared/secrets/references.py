"""Which references to secrets a request may give: those into its tenant's vault, never into another's (docs/design/secrets.md).

A reference that is not allowed is refused with the same message whether the secret exists or not, and its vault is not asked.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.secrets.ids import SecretId, normal_vault
from shared.secrets.keeper import INCOMING, Secrets
from shared.secrets.places import Place, name_of

_GONE = frozenset({FailureKind.NOT_FOUND, FailureKind.REFUSED})


@dataclass(frozen=True, slots=True)
class VaultOwner:
    """Whose references are checked: a tenant by name, and the URL of its key vault. Of what is the provider's, that is the provider."""

    tenant: str
    vault: str | None


@dataclass(frozen=True, slots=True)
class SecretReferences:
    """Checks references before a request is accepted. `provider` gives the provider."""

    secrets: Secrets
    provider: Callable[[], Awaitable[VaultOwner]]

    async def require(self, owner: VaultOwner, references: Mapping[Place, str], *, of_provider: bool) -> None:
        """Refuse with `NotFound`, naming the field, a reference that a request about an owner may not give.

        `of_provider` is true for `Admin` and for messages: they may refer to the provider's vault too. Raises `Refused` with
        ServiceUnavailable where the app's own vault does not answer.
        """
        for place, reference in references.items():
            await self.require_one(owner, reference, name_of(place), of_provider=of_provider)

    async def require_one(self, owner: VaultOwner, reference: str, field: str, *, of_provider: bool) -> SecretId:
        """Return one reference as an id; refuses as `require`."""
        try:
            secret = SecretId.parse(reference, self.secrets.suffix)
        except ValueError:
            raise _unknown(field) from None
        if self.secrets.is_own(secret):
            allowed = await self._is_incoming(secret, owner.tenant, field)
        else:
            allowed = _is(secret, owner.vault) or (of_provider and _is(secret, (await self.provider()).vault))
        if not allowed:
            raise _unknown(field)
        return secret

    async def _is_incoming(self, secret: SecretId, tenant: str, field: str) -> bool:
        """Whether a secret of the app's own vault was left there for a tenant by another system."""
        if not secret.name.lower().startswith(INCOMING):
            return False
        try:
            found = await self.secrets.read(secret)
        except CallFailure as failure:
            if failure.kind in _GONE:
                return False
            message = f"The key vault did not answer ({failure.code}). Send the request again later."
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, target=field) from None
        return found.tags.get("tenant") == tenant


def _is(secret: SecretId, vault: str | None) -> bool:
    return vault is not None and secret.vault == normal_vault(vault)


def _unknown(field: str) -> Refused:
    return Refused(ErrorCode.NOT_FOUND, "The secret was not found.", target=field)
