"""Ids of secrets: only those of a key vault are read, in the form in which two are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.secrets.ids import SecretId

SUFFIX = "vault.azure.net"
EMULATOR = "http://127.0.0.1:7080/_keyvault/"
VERSION = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://contoso.vault.azure.net/secrets/admin", SecretId("https://contoso.vault.azure.net", "admin")),
        ("HTTPS://Contoso.Vault.Azure.Net/secrets/Admin/", SecretId("https://contoso.vault.azure.net", "Admin")),
        (f"https://contoso.vault.azure.net/secrets/a/{VERSION}", SecretId("https://contoso.vault.azure.net", "a", VERSION)),
    ],
)
def test_an_id_is_read(text: str, expected: SecretId) -> None:
    assert SecretId.parse(text, SUFFIX) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "admin",
        "http://contoso.vault.azure.net/secrets/admin",
        "https://contoso.vault.azure.net.example.com/secrets/admin",
        "https://contoso.example.com/secrets/admin",
        "https://contoso.vault.azure.net@example.com/secrets/admin",
        "https://example.com/contoso.vault.azure.net/secrets/admin",
        "https://contoso.vault.azure.net:8443/secrets/admin",
        "https://contoso.vault.azure.net/keys/admin",
        "https://contoso.vault.azure.net/secrets/../secrets/admin",
        "https://contoso.vault.azure.net/secrets/admin%2f..",
        "https://contoso.vault.azure.net/secrets/admin?api-version=7.4",
        "https://contoso.vault.azure.net/secrets/admin#x",
        "https://contoso.vault.azure.net/secrets/admin/not-a-version",
        "https://con.toso.vault.azure.net/secrets/admin",
        " https://contoso.vault.azure.net/secrets/admin",
        "https://contoso.vault.azure.net/secrets/admin\n",
        "https://contosö.vault.azure.net/secrets/admin",
    ],
)
def test_what_is_no_id_of_a_key_vault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Key Vault"):
        SecretId.parse(text, SUFFIX)


def test_an_emulator_has_vaults_below_one_address() -> None:
    assert SecretId.parse(f"{EMULATOR}contoso/secrets/admin", EMULATOR) == SecretId(f"{EMULATOR}contoso", "admin")
    with pytest.raises(ValueError, match="Key Vault"):
        SecretId.parse("https://contoso.vault.azure.net/secrets/admin", EMULATOR)


@given(st.from_regex(r"[a-z][a-z0-9-]{2,23}", fullmatch=True), st.from_regex(r"[0-9A-Za-z-]{1,127}", fullmatch=True), st.booleans())
def test_a_written_id_reads_back(vault: str, name: str, versioned: bool) -> None:
    secret = SecretId(f"https://{vault}.{SUFFIX}", name, VERSION if versioned else None)
    assert SecretId.parse(str(secret), SUFFIX) == secret
