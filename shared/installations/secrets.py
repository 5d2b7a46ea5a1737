"""The app's key vault, as installations and data centers use it, and which references a request may make."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.registry import Registry
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.secrets.ids import SecretId, normal_vault
from shared.secrets.keeper import Secrets
from shared.secrets.references import SecretReferences, VaultOwner
from shared.values.hidden import Hidden


@dataclass(frozen=True, slots=True)
class Vault:
    """The app's own vault, and those that the provider and its tenants registered. Calls raise `CallFailure`."""

    secrets: Secrets
    references: SecretReferences
    registry: Registry

    async def admit(self, reference: str, *, tenant: str, target: str) -> None:
        """Refuse with `NotFound`, the vault not asked, a reference that the provider may not make for a tenant.

        It may be one into the tenant's vault, or the provider's; in the app's own vault it must be an incoming secret of that tenant: a
        reference to any other would have Farshore hand out its own.
        """
        owner = await self.registry.by_name(tenant)
        of = VaultOwner(tenant, owner.key_vault_url if owner is not None else None)
        await self.references.require_one(of, reference, target, of_provider=True)

    async def put(self, name: str, value: Hidden, tags: Mapping[str, str]) -> str:
        """Write a secret into the app's own vault and return its reference; refuses with `NotOffered` where there is no vault."""
        if not self.secrets.own:
            message = "This deployment has no key vault for secrets (FARSHORE_KEY_VAULT_URL)."
            raise Refused(ErrorCode.NOT_OFFERED, message)
        try:
            return str(await self.secrets.vaults.set(SecretId(normal_vault(self.secrets.own), name), value, tags, None))
        except CallFailure as failure:
            raise _passing(failure) from failure

    async def find(self, name: str) -> tuple[str, Hidden] | None:
        """Return the reference and the value of a secret of the app's own vault by its name, or None."""
        if not self.secrets.own:
            return None
        try:
            found = await self.secrets.vaults.get(SecretId(normal_vault(self.secrets.own), name))
        except CallFailure as failure:
            _require_not_found(failure)
            return None
        return str(found.id), found.value

    async def read(self, reference: str) -> Hidden | None:
        """Return a secret, None where it is not there."""
        try:
            return (await self.secrets.read(reference)).value
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def delete(self, reference: str) -> None:
        """Delete a secret; one that is gone is deleted."""
        try:
            await self.secrets.vaults.delete(SecretId.parse(reference, self.secrets.suffix).newest())
        except CallFailure as failure:
            _require_not_found(failure)


def _require_not_found(failure: CallFailure) -> None:
    """Raise any other failure than that something is not there, as one that may pass."""
    if failure.kind is not FailureKind.NOT_FOUND:
        raise _passing(failure)


def _passing(failure: CallFailure) -> CallFailure:
    """Return a refusal of the vault as an attempt without progress: a missing right is the provider's to mend, and fails no order."""
    if failure.kind is not FailureKind.REFUSED:
        return failure
    return CallFailure(FailureKind.THROTTLED, code=failure.code, message=failure.message)
