"""What Key Vault's data plane answers, in the form of its REST API 7.x (docs/azure/key-vault.md). Nothing changes by it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from local.simulation.arm.call import Answer
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Change, Json
from local.simulation.key_vault.models import KeyVault, KeyVaultState, Secret, Version, secret_key

_ACTIONS = "Microsoft.KeyVault/vaults/secrets"
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_LONGEST = 25 * 1024
_PAGE = 25


class VaultError(ArmError):
    """A refusal of Key Vault's, with the inner code by which its reasons differ."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(status, code, message, retry_after=retry_after)
        self.inner = inner

    def body(self) -> Json:
        """Return Key Vault's error envelope."""
        error: Json = {"code": self.code, "message": self.message}
        return {"error": error | ({"innererror": {"code": self.inner}} if self.inner else {})}


@dataclass(frozen=True, slots=True)
class VaultCall:
    """One request to a vault: `base` is the vault's address, `names` are the path's variable parts."""

    state: KeyVaultState
    vault: KeyVault
    base: str
    now: datetime
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    def secret(self) -> Secret:
        """Return the secret that the path names; raises `VaultError` 404 where it is not there, or deleted."""
        found = self.state.secrets.get(secret_key(self.vault.name, self.names[0]))
        if found is None or found.deleted is not None:
            raise _not_found(self.names[0])
        return found

    def deleted(self) -> Secret:
        """Return the deleted secret that the path names; raises `VaultError` 404."""
        found = self.state.secrets.get(secret_key(self.vault.name, self.names[0]))
        if found is None or found.deleted is None:
            raise _not_found(self.names[0], "deleted secret")
        return found


@dataclass(frozen=True, slots=True)
class VaultRoute:
    """One operation: `template` is the path below the vault, with `*` for each variable part; `action` is the data action that it needs."""

    method: str
    template: str
    operation: str
    action: str
    handle: Callable[[VaultCall], Answer]


def set_secret(call: VaultCall) -> Answer:
    """`SetSecret`: a new version; the name of a deleted secret cannot be used while it can be recovered."""
    secret, body = call.names[0], call.body
    if not _NAME.fullmatch(secret):
        raise VaultError(400, "BadParameter", f"The request URI contains an invalid name: {secret}")
    value, given = body.get("value"), body.get("attributes") or {}
    if not isinstance(value, str):
        raise VaultError(400, "BadParameter", "Property  has invalid value")
    if len(value.encode()) > _LONGEST:
        raise VaultError(400, "BadParameter", "The maximum secret value length is 25600 bytes.")
    found = call.state.secrets.get(secret_key(call.vault.name, secret))
    if found is not None and found.deleted is not None:
        message = (
            f"Secret {secret} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, "
            "the secret can only be recovered or purged."
        )
        raise VaultError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
    version = Version(
        id=uuid4().hex,
        value=value,
        created=call.now,
        enabled=bool(given.get("enabled", True)),
        expires=_moment(given.get("exp")),
        not_before=_moment(given.get("nbf")),
        tags={str(name): str(tag) for name, tag in (body.get("tags") or {}).items()},
        content_type=body.get("contentType"),
    )
    row = found.with_version(version) if found is not None else Secret(call.vault.name, secret, (version,))
    return Answer(200, _bundle(call, row, version), changes=(Change(call.state.secrets, row.key, row),))


def get_secret(call: VaultCall) -> Answer:
    """`GetSecret`: a version, or the newest; a disabled one is refused, one outside of its dates is answered."""
    secret = call.secret()
    wanted = call.names[1].lower() if len(call.names) > 1 else secret.newest.id
    version = next((each for each in secret.versions if each.id == wanted), None)
    if version is None:
        raise _not_found(secret.name)
    if not version.enabled:
        raise VaultError(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
    return Answer(200, _bundle(call, secret, version))


def delete_secret(call: VaultCall) -> Answer:
    """`DeleteSecret`: every version; it can be recovered until the vault's retention is over."""
    secret = call.secret()
    row = Secret(secret.vault, secret.name, secret.versions, call.now)
    return Answer(200, _deleted(call, row), changes=(Change(call.state.secrets, row.key, row),))


def list_secrets(call: VaultCall) -> Answer:
    """`GetSecrets`: names and attributes, without values."""
    found = [each for each in call.state.of(call.vault.name) if each.deleted is None]
    return _page(call, "/secrets", [_item(call, each, each.newest) for each in found])


def list_versions(call: VaultCall) -> Answer:
    """`GetSecretVersions`."""
    secret = call.secret()
    items = [_item(call, secret, version, versioned=True) for version in secret.versions]
    return _page(call, f"/secrets/{secret.name}/versions", items)


def list_deleted(call: VaultCall) -> Answer:
    """`GetDeletedSecrets`."""
    found = [each for each in call.state.of(call.vault.name) if each.deleted is not None]
    return _page(call, "/deletedsecrets", [_item(call, each, each.newest) | _recovery(call, each) for each in found])


def get_deleted(call: VaultCall) -> Answer:
    """`GetDeletedSecret`."""
    return Answer(200, _deleted(call, call.deleted()))


def recover(call: VaultCall) -> Answer:
    """`RecoverDeletedSecret`."""
    secret = call.deleted()
    row = Secret(secret.vault, secret.name, secret.versions)
    return Answer(200, _item(call, row, row.newest, versioned=True), changes=(Change(call.state.secrets, row.key, row),))


def purge(call: VaultCall) -> Answer:
    """`PurgeDeletedSecret`: refused where the vault protects what was deleted."""
    secret = call.deleted()
    if call.vault.purge_protection:
        raise VaultError(
            403, "Forbidden", 'Operation "purge" is not allowed because purge protection is enabled for this vault.', "ForbiddenByPolicy"
        )
    return Answer(204, changes=(Change(call.state.secrets, secret.key, None),))


ROUTES = (
    VaultRoute("PUT", "secrets/*", "Secrets_Set", f"{_ACTIONS}/setSecret/action", set_secret),
    VaultRoute("GET", "secrets", "Secrets_List", f"{_ACTIONS}/readMetadata/action", list_secrets),
    VaultRoute("GET", "secrets/*/versions", "Secrets_ListVersions", f"{_ACTIONS}/readMetadata/action", list_versions),
    VaultRoute("GET", "secrets/*", "Secrets_Get", f"{_ACTIONS}/getSecret/action", get_secret),
    VaultRoute("GET", "secrets/*/*", "Secrets_Get", f"{_ACTIONS}/getSecret/action", get_secret),
    VaultRoute("DELETE", "secrets/*", "Secrets_Delete", f"{_ACTIONS}/delete", delete_secret),
    VaultRoute("GET", "deletedsecrets", "Secrets_ListDeleted", f"{_ACTIONS}/readMetadata/action", list_deleted),
    VaultRoute("GET", "deletedsecrets/*", "Secrets_GetDeleted", f"{_ACTIONS}/readMetadata/action", get_deleted),
    VaultRoute("POST", "deletedsecrets/*/recover", "Secrets_Recover", f"{_ACTIONS}/recover/action", recover),
    VaultRoute("DELETE", "deletedsecrets/*", "Secrets_Purge", f"{_ACTIONS}/purge/action", purge),
)
"""The more special path first: `secrets/*/versions` before `secrets/*/*`."""


def find(method: str, path: str) -> tuple[VaultRoute, tuple[str, ...]]:
    """Return the operation of a path below a vault and its variable parts; raises `VaultError` 404, 405."""
    parts = path.strip("/").split("/")
    known = False
    for route in ROUTES:
        template = route.template.split("/")
        if len(parts) == len(template) and all(wanted in ("*", part.lower()) for wanted, part in zip(template, parts, strict=True)):
            known = True
            if route.method == method:
                return route, tuple(part for wanted, part in zip(template, parts, strict=True) if wanted == "*")
    if known:
        raise VaultError(405, "MethodNotAllowed", f"The HTTP verb {method} is not supported on this path.")
    raise VaultError(404, "NotFound", f"The path '/{path.strip('/')}' is not one that Key Vault answers.")


def _page(call: VaultCall, path: str, items: list[Json]) -> Answer:
    size, skip = call.query.get("maxresults", str(_PAGE)), call.query.get("$skiptoken", "0")
    if not size.isdigit() or not 1 <= int(size) <= _PAGE or not skip.isdigit():
        raise VaultError(400, "BadParameter", f"maxresults must be between 1 and {_PAGE}")
    start, end = int(skip), int(skip) + int(size)
    body: Json = {"value": items[start:end]}
    if len(items) > end:
        query = {"api-version": call.query.get("api-version", ""), "$skiptoken": str(end), "maxresults": size}
        body["nextLink"] = f"{call.base}{path}?{urlencode(query)}"
    return Answer(200, body)


def _bundle(call: VaultCall, secret: Secret, version: Version) -> Json:
    return {"value": version.value} | _item(call, secret, version, versioned=True)


def _item(call: VaultCall, secret: Secret, version: Version, *, versioned: bool = False) -> Json:
    attributes: Json = {
        "enabled": version.enabled,
        "created": int(version.created.timestamp()),
        "updated": int(version.created.timestamp()),
        "recoveryLevel": call.vault.recovery_level,
        "recoverableDays": call.vault.retention_days,
    }
    for name, moment in (("exp", version.expires), ("nbf", version.not_before)):
        if moment is not None:
            attributes[name] = int(moment.timestamp())
    item: Json = {"id": f"{call.base}/secrets/{secret.name}{f'/{version.id}' if versioned else ''}", "attributes": attributes}
    item |= {"tags": dict(version.tags)} if version.tags else {}
    return item | ({"contentType": version.content_type} if version.content_type else {})


def _recovery(call: VaultCall, secret: Secret) -> Json:
    deleted = secret.deleted or call.now
    return {
        "recoveryId": f"{call.base}/deletedsecrets/{secret.name}",
        "deletedDate": int(deleted.timestamp()),
        "scheduledPurgeDate": int((deleted + timedelta(days=call.vault.retention_days)).timestamp()),
    }


def _deleted(call: VaultCall, secret: Secret) -> Json:
    return _item(call, secret, secret.newest, versioned=True) | _recovery(call, secret)


def _not_found(secret: str, what: str = "secret") -> VaultError:
    message = (
        f"A {what} with (name/id) {secret} was not found in this key vault. If you recently deleted this secret you may be able to "
        "recover it using the correct recovery command."
    )
    return VaultError(404, "SecretNotFound", message)


def _moment(value: Any) -> datetime | None:  # noqa: ANN401  # a member of the request
    return datetime.fromtimestamp(float(value), UTC) if isinstance(value, int | float) else None
