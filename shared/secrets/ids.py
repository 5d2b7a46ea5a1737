"""The ids of secrets in Key Vault: `https://{vault}.vault.azure.net/secrets/{name}[/{version}]`, the form of `keyVaultSecretId`. Pure."""

import re
from dataclasses import dataclass
from typing import Self

_LOOPBACK = "http://127.0.0.1"
_PATH = r"/secrets/(?P<name>[0-9A-Za-z-]{1,127})(?:/(?P<version>[0-9a-fA-F]{32}))?/?"
_VAULT = r"[0-9A-Za-z-]{3,24}"


@dataclass(frozen=True, slots=True)
class SecretId:
    """A secret of a vault, at one version or (None) at the newest. `vault` is the vault's URL in lower case, without a trailing slash."""

    vault: str
    name: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str, suffix: str) -> Self:
        """Read an id; raises `ValueError` for one that is none of a vault under `suffix` (the setting FARSHORE_KEY_VAULT_SUFFIX)."""
        found = re.fullmatch(_pattern(suffix), text, re.IGNORECASE | re.ASCII)
        if found is None:
            raise ValueError("this must be the id of a Key Vault secret, such as https://a-vault.vault.azure.net/secrets/a-name")
        return cls(normal_vault(found["vault"]), found["name"], found["version"])

    def newest(self) -> "SecretId":
        """Return the id without its version."""
        return SecretId(self.vault, self.name)

    def __str__(self) -> str:
        version = f"/{self.version}" if self.version else ""
        return f"{self.vault}/secrets/{self.name}{version}"


def normal_vault(url: str) -> str:
    """Return the URL of a vault in the form in which two are compared."""
    return url.lower().rstrip("/")


def _pattern(suffix: str) -> str:
    if suffix.startswith(_LOOPBACK):  # the whole beginning of an emulator's URLs
        return f"(?P<vault>{re.escape(suffix)}{_VAULT}){_PATH}"
    return rf"(?P<vault>https://{_VAULT}\.{re.escape(suffix)}){_PATH}"
