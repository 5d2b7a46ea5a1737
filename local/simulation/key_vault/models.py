"""What Key Vault keeps: vaults, and their secrets with every version."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.ids import derived, key, name
from local.simulation.times import from_text, text_or_none, to_text

_LONGEST_RETENTION = 90


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret; `expires` and `not_before` are for information: Key Vault answers it before and after them."""

    id: str
    value: str
    created: datetime
    enabled: bool = True
    expires: datetime | None = None
    not_before: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any], now: datetime, place: str) -> "Version":
        """Read a version of the estate; what is left out is made up."""
        return Version(
            id=str(body.get("version") or derived("secret version", place).replace("-", "")),
            value=str(body["value"]),
            created=from_text(str(body["created"])) if body.get("created") else now,
            enabled=bool(body.get("enabled", True)),
            expires=_moment(body.get("expires")),
            not_before=_moment(body.get("notBefore")),
            tags={str(tag): str(value) for tag, value in (body.get("tags") or {}).items()},
            content_type=body.get("contentType"),
        )

    def as_json(self) -> Json:
        """Write a version as the estate has it."""
        return {
            "version": self.id,
            "value": self.value,
            "created": to_text(self.created),
            "enabled": self.enabled,
            "expires": text_or_none(self.expires),
            "notBefore": text_or_none(self.not_before),
            "tags": dict(self.tags),
            "contentType": self.content_type,
        }


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a vault, its newest version last; `deleted` is when it was deleted, and then its name cannot be used."""

    vault: str
    name: str
    versions: tuple[Version, ...]
    deleted: datetime | None = None

    @property
    def newest(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def key(self) -> str:
        """The key of its row: names are compared without case."""
        return secret_key(self.vault, self.name)

    def with_version(self, version: Version) -> "Secret":
        """Return the secret with a new version."""
        return replace(self, versions=(*self.versions, version))

    def shown(self) -> Json:
        """Return the secret as the control surface lists it, without its values."""
        return {"vault": self.vault, "name": self.name, "tags": dict(self.newest.tags), "deleted": self.deleted is not None}

    @staticmethod
    def from_json(body: Mapping[str, Any], now: datetime | None = None) -> "Secret":
        """Read a secret of the estate: with `versions`, or with the members of one."""
        vault, secret = str(body["vault"]).lower(), str(body["name"])
        given = body.get("versions") or [body]
        moment = now or datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        versions = tuple(Version.from_json(each, moment, f"{vault}/{secret}/{number}") for number, each in enumerate(given))
        return Secret(vault, secret, versions, _moment(body.get("deleted")))

    def as_json(self) -> Json:
        """Write a secret as the estate has it."""
        versions = [version.as_json() for version in self.versions]
        return {"vault": self.vault, "name": self.name, "versions": versions, "deleted": text_or_none(self.deleted)}


@dataclass(frozen=True, slots=True)
class KeyVault:
    """A vault by its ARM id, the scope of the rights to its secrets."""

    id: str
    location: str
    retention_days: int = 90
    purge_protection: bool = True

    @property
    def name(self) -> str:
        """The vault's name, unique in Azure."""
        return name(self.id).lower()

    @property
    def recovery_level(self) -> str:
        """What can become of a deleted secret, as attributes show it."""
        level = "Recoverable" if self.retention_days == _LONGEST_RETENTION else "CustomizedRecoverable"
        return level if self.purge_protection else f"{level}+Purgeable"

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "KeyVault":
        """Read a vault of the estate."""
        return KeyVault(
            str(body["id"]), str(body["location"]).lower(), int(body.get("retentionDays", 90)), bool(body.get("purgeProtection", True))
        )

    def as_json(self) -> Json:
        """Write a vault as the estate has it, without its secrets."""
        return {"id": self.id, "location": self.location, "retentionDays": self.retention_days, "purgeProtection": self.purge_protection}


class KeyVaultState:
    """Vaults by name, and secrets by vault and name."""

    def __init__(self) -> None:
        self.vaults: Table[KeyVault] = Table("keyVaults", KeyVault.from_json, KeyVault.as_json)
        self.secrets: Table[Secret] = Table("secrets", Secret.from_json, Secret.as_json)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.vaults, self.secrets)

    def load(self, estate: Mapping[str, Any], now: datetime, _: int) -> None:
        """Take over the vaults of an estate, with their secrets."""
        for item in estate.get("keyVaults", []):
            vault = KeyVault.from_json(item)
            self.vaults.put(vault.name, vault)
            for each in item.get("secrets", []):
                secret = Secret.from_json({**each, "vault": vault.name}, now)
                self.secrets.put(secret.key, secret)

    def dump(self, _: datetime) -> Json:
        """Write them as the estate has them."""
        vaults = []
        for vault in self.vaults.values():
            secrets = [{k: v for k, v in each.as_json().items() if k != "vault"} for each in self.of(vault.name)]
            vaults.append(vault.as_json() | {"secrets": secrets})
        return {"keyVaults": vaults}

    def of(self, vault: str) -> list[Secret]:
        """Return the secrets of a vault by name, deleted ones included."""
        return sorted((each for each in self.secrets.values() if each.vault == vault), key=lambda each: each.name.lower())


def secret_key(vault: str, secret: str) -> str:
    """Return the key of a secret's row."""
    return f"{vault.lower()}|{key(secret)}"


def _moment(value: Any) -> datetime | None:  # noqa: ANN401  # a member of the estate
    return from_text(str(value)) if value else None
