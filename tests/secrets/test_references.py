"""References: into the tenant's own vault, the provider's for the provider, or at a secret that was left for the tenant; no other."""

import pytest

from shared.errors import ErrorCode, Refused
from shared.secrets.references import SecretReferences, VaultOwner
from tests.support.secrets import OWN, MemoryVaults, memory_secrets

CONTOSO = VaultOwner("contoso", "https://Contoso.vault.azure.net/")
PROVIDERS = "https://provider.vault.azure.net"
INCOMING = f"{OWN}/secrets/incoming-1"


async def _provider() -> VaultOwner:
    return VaultOwner("provider", PROVIDERS)


def _references(vaults: MemoryVaults) -> SecretReferences:
    return SecretReferences(memory_secrets(vaults), _provider)


@pytest.mark.parametrize(
    ("reference", "of_provider"),
    [
        ("https://contoso.vault.azure.net/secrets/admin", False),
        ("https://CONTOSO.vault.azure.net/secrets/never-was", False),
        (f"{PROVIDERS}/secrets/admin", True),
        (INCOMING, False),
        (INCOMING.upper().replace("HTTPS", "https").replace("INCOMING-1", "incoming-1").replace("SECRETS", "secrets"), False),
    ],
)
async def test_an_own_reference_is_allowed(reference: str, of_provider: bool) -> None:
    vaults = MemoryVaults()
    vaults.add(INCOMING, "a", {"tenant": "contoso"})
    await _references(vaults).require(CONTOSO, {("user", "password"): reference}, of_provider=of_provider)
    assert set(vaults.asked) <= {OWN}, "only the own vault is asked, for its tag"


@pytest.mark.parametrize(
    ("reference", "of_provider"),
    [
        ("https://fabrikam.vault.azure.net/secrets/admin", False),
        ("https://fabrikam.vault.azure.net/secrets/admin", True),
        (f"{PROVIDERS}/secrets/admin", False),
        (f"{OWN}/secrets/incoming-2", False),
        (f"{OWN}/secrets/incoming-2", True),
        (f"{OWN}/secrets/incoming-9", False),
        (f"{OWN}/secrets/farshore-abc-1", True),
        (f"{OWN}/secrets/azure-pack-main-sign-in-1", True),
        ("https://contoso.vault.azure.net.example.com/secrets/admin", False),
        ("contoso", False),
    ],
)
async def test_any_other_is_answered_as_one_that_never_was(reference: str, of_provider: bool) -> None:
    vaults = MemoryVaults()
    vaults.add(f"{OWN}/secrets/incoming-2", "a", {"tenant": "fabrikam"})
    vaults.add(f"{OWN}/secrets/farshore-abc-1", "a", {"tenant": "contoso"})
    vaults.add("https://fabrikam.vault.azure.net/secrets/admin", "a")
    with pytest.raises(Refused) as refused:
        await _references(vaults).require(CONTOSO, {("user", "password"): reference}, of_provider=of_provider)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.NOT_FOUND, "user.password")
    assert str(refused.value) == "The secret was not found."
    assert set(vaults.asked) <= {OWN}, "a vault that is not the tenant's is not asked"


async def test_an_own_vault_that_does_not_answer_allows_nothing() -> None:
    with pytest.raises(Refused) as refused:
        await _references(MemoryVaults(down=True)).require_one(CONTOSO, INCOMING, "password", of_provider=True)
    assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE


async def test_a_tenant_without_a_vault_may_refer_to_none() -> None:
    with pytest.raises(Refused):
        await _references(MemoryVaults()).require_one(
            VaultOwner("adatum", None), "https://contoso.vault.azure.net/secrets/admin", "password", of_provider=False
        )
