"""Reads and writes installations for the provider: conditions, secrets, and what is in the way of a deletion."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.clock import Ids
from shared.errors import ErrorCode, Refused
from shared.installations.document import InstallationRequest, StoredInstallation, is_installation_name, places_to_correct
from shared.installations.secrets import Vault
from shared.installations.store import InstallationRecord, InstallationStore
from shared.secrets.requests import SecretInput
from shared.storage.tables import Conflict
from shared.web.conditional import Condition, Write, check_delete, decide_put, tag_of
from shared.web.documents import invalid, wrong

_TRIES = 10
InUse = Callable[[str], Awaitable[str | None]]
"""Returns what of an installation is in use, None where nothing is."""


@dataclass(frozen=True, slots=True)
class Installations:
    """Installations as documents."""

    store: InstallationStore
    secrets: Vault
    registry: Registry
    ids: Ids
    in_use: InUse
    forget: Callable[[], None]

    async def get(self, name: str) -> InstallationRecord:
        """Return an installation; refuses with `NotFound`."""
        found = await self.store.get(name) if is_installation_name(name) else None
        if found is None:
            raise not_found(f"installation '{name}'", target="name")
        return found

    async def put(self, name: str, request: InstallationRequest, condition: Condition) -> tuple[InstallationRecord, bool]:
        """Write an installation whole, and return it and whether it is new.

        A secret value goes to Key Vault before anything else is written. Refuses with 400, 404 (a reference), 412, 428.
        """
        if not is_installation_name(name):
            raise wrong("name", "A name has 1 to 31 lower-case letters, digits and hyphens, and begins with a letter or digit.")
        request = request if request.display_name is not None else request.model_copy(update={"display_name": name})
        before = await self.store.get(name)
        problems = places_to_correct(request, before.installation.settings if before is not None else None)
        if problems:
            raise invalid(problems)
        await self._admit(request, before)
        for _ in range(_TRIES):
            standing = await self.store.get(name)
            write = decide_put(condition, standing.tag if standing is not None else None, _tag(request, standing))
            if standing is not None and write is Write.NOTHING and request.sign_in.password.value is None:
                return standing, False
            kept, made = await self._with_reference(name, request)
            try:
                record = await self.store.put(StoredInstallation(name=name, settings=kept), standing)
            except Conflict:
                await self._drop(made)
                continue
            self.forget()
            await self._drop_former(name, standing, record)
            return record, standing is None
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The installation is being changed by others. Send the request again.", retry_after=1)

    async def delete(self, name: str, confirm: str | None, condition: Condition) -> None:
        """Delete an installation; refuses with `NotFound`, 400 another confirmation than the name, 412, and `InstallationInUse`."""
        for _ in range(_TRIES):
            standing = await self.get(name)
            if confirm != name:
                raise wrong("confirm", f"Send confirm={name} to delete this installation.")
            check_delete(condition, standing.tag)
            used = await self.in_use(name)
            if used is not None:
                raise Refused(ErrorCode.INSTALLATION_IN_USE, f"The installation '{name}' is in use: {used}.", target="name")
            try:
                await self.store.delete(standing)
            except Conflict:
                continue
            self.forget()
            await self._drop_former(name, standing, None)
            return
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The installation is being changed by others. Send the request again.", retry_after=1)

    async def _admit(self, request: InstallationRequest, standing: InstallationRecord | None) -> None:
        """Refuse with 404 references that may not be made; of an installation "the tenant" is the provider.

        A reference that the document has already may stay: whoever reads a document can write it back.
        """
        given = [("signIn.password.keyVaultSecretId", request.sign_in.password.key_vault_secret_id)]
        if request.proxy is not None and request.proxy.credentials is not None:
            given.append(("proxy.credentials.keyVaultSecretId", request.proxy.credentials.key_vault_secret_id))
        if request.accounts.token is not None:
            given.append(("accounts.token.keyVaultSecretId", request.accounts.token.key_vault_secret_id))
        known = _references(standing.installation.settings) if standing is not None else frozenset()
        given = [(target, reference) for target, reference in given if reference is not None and reference not in known]
        if given:
            provider = (await self.registry.provider()).name
            for target, reference in given:
                if reference is not None:
                    await self.secrets.admit(reference, tenant=provider, target=target)

    async def _with_reference(self, name: str, request: InstallationRequest) -> tuple[InstallationRequest, str | None]:
        """Return the document with references alone, and the secret that was written for it or None."""
        value = request.sign_in.password.value
        if value is None:
            return request, None
        secret = f"azure-pack-{name}-sign-in-{self.ids.new()[:8]}"
        reference = await self.secrets.put(secret, value, {"installation": name})
        password = SecretInput.model_validate({"keyVaultSecretId": reference})
        return request.model_copy(update={"sign_in": request.sign_in.model_copy(update={"password": password})}), reference

    async def _drop_former(self, name: str, standing: InstallationRecord | None, record: InstallationRecord | None) -> None:
        """Delete the sign-in secret of the document before, where Farshore wrote it."""
        before, after = _reference(standing), _reference(record)
        if before is not None and before != after and f"/azure-pack-{name}-sign-in-" in before:
            await self._drop(before)

    async def _drop(self, reference: str | None) -> None:
        if reference is not None:
            await self.secrets.delete(reference)


def _references(settings: InstallationRequest) -> frozenset[str | None]:
    """Return the references of a document."""
    proxy, token = settings.proxy, settings.accounts.token
    credentials = proxy.credentials if proxy is not None else None
    return frozenset(
        {
            settings.sign_in.password.key_vault_secret_id,
            credentials.key_vault_secret_id if credentials is not None else None,
            token.key_vault_secret_id if token is not None else None,
        }
    )


def _reference(record: InstallationRecord | None) -> str | None:
    return record.installation.settings.sign_in.password.key_vault_secret_id if record is not None else None


def _tag(request: InstallationRequest, standing: InstallationRecord | None) -> str:
    """Return the tag of the wanted document; a password that is sent as a value differs from any that is there."""
    if request.sign_in.password.value is not None:
        return tag_of({"password": "new", "standing": standing.tag if standing is not None else ""})
    return tag_of(request.as_json())
