"""Plain secrets of a request: stored before it is accepted, referred to by its operation, and deleted when it ends."""

from dataclasses import replace

import pytest

from shared.errors import ErrorCode, Refused
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import NewOperation, Status
from shared.secrets.keeper import Secrets
from shared.values.hidden import Hidden
from tests.operations.kit import ALICE, TENANT, Core
from tests.support.secrets import MemoryVaults, memory_secrets


def _new(key: str | None = "one", value: str = "s3cret!", **changes: object) -> NewOperation:
    body: dict[str, object] = {"make": "a toy", "password": {}}
    new = NewOperation("toy", TENANT, key, body, ALICE, "starting", secrets={("password",): Hidden(value)})
    return replace(new, **changes)  # type: ignore[arg-type]  # fields of the request


def _acceptance(core: Core, secrets: Secrets | None) -> Acceptance:
    return replace(core.acceptance, secrets=secrets)


async def test_the_operation_refers_to_the_stored_secret(core: Core) -> None:
    vaults = MemoryVaults()
    accepted = await _acceptance(core, memory_secrets(vaults)).accept(_new())
    (name,) = vaults.names()
    assert name.startswith(f"farshore-{accepted.operation.id}-")
    assert vaults.value(name) == "s3cret!"
    stored = (await core.get(accepted.operation)).body["password"]
    assert isinstance(stored, dict)
    assert str(stored["keyVaultSecretId"]).startswith(f"https://farshore.vault.azure.net/secrets/{name}/"), "with its version"


async def test_a_repetition_finds_the_operation_whatever_its_secret_is_and_leaves_none(core: Core) -> None:
    vaults = MemoryVaults()
    acceptance = _acceptance(core, memory_secrets(vaults))
    first = await acceptance.accept(_new())
    again = await acceptance.accept(_new(value="another"))
    assert (again.created, again.operation.id) == (False, first.operation.id)
    (name,) = vaults.names()
    assert vaults.value(name) == "s3cret!"
    known = await acceptance.known(_new())
    assert known is not None
    assert known.id == first.operation.id


async def test_a_key_of_another_body_is_refused_and_leaves_no_secret(core: Core) -> None:
    vaults = MemoryVaults()
    acceptance = _acceptance(core, memory_secrets(vaults))
    await acceptance.accept(_new())
    with pytest.raises(Refused) as refused:
        await acceptance.accept(_new(body={"make": "another", "password": {}}))
    assert refused.value.code is ErrorCode.REPEATABILITY_KEY_REUSED
    assert len(vaults.names()) == 1


async def test_a_busy_scope_leaves_no_secret(core: Core) -> None:
    vaults = MemoryVaults()
    acceptance = _acceptance(core, memory_secrets(vaults))
    await core.accept("holder", locks=("vm|1",))
    with pytest.raises(Refused) as refused:
        await acceptance.accept(_new(locks=("vm|1",)))
    assert (refused.value.code, vaults.names()) == (ErrorCode.SCOPE_BUSY, [])


async def test_nothing_is_accepted_while_the_vault_does_not_answer(core: Core) -> None:
    new = _new()
    with pytest.raises(Refused) as refused:
        await _acceptance(core, memory_secrets(MemoryVaults(down=True))).accept(new)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.SERVICE_UNAVAILABLE, "password")
    assert await core.acceptance.known(new) is None


@pytest.mark.parametrize("secrets", [None, memory_secrets(own=None)])
async def test_without_a_vault_a_plain_secret_is_not_offered(core: Core, secrets: Secrets | None) -> None:
    with pytest.raises(Refused) as refused:
        await _acceptance(core, secrets).accept(_new())
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.NOT_OFFERED, "password")


async def test_a_request_without_a_key_is_accepted_under_the_id_that_its_secret_names(core: Core) -> None:
    vaults = MemoryVaults()
    accepted = await _acceptance(core, memory_secrets(vaults)).accept(_new(None))
    assert vaults.names()[0].startswith(f"farshore-{accepted.operation.id}-")


async def test_the_end_deletes_the_secret_and_no_other(core: Core) -> None:
    vaults = MemoryVaults()
    secrets = memory_secrets(vaults)
    vaults.add("https://contoso.vault.azure.net/secrets/theirs", "a")
    vaults.add("https://farshore.vault.azure.net/secrets/incoming-x", "a", {"tenant": TENANT})
    body: dict[str, object] = {
        "password": {},
        "a": {"keyVaultSecretId": "https://contoso.vault.azure.net/secrets/theirs"},
        "b": [{"keyVaultSecretId": "https://farshore.vault.azure.net/secrets/incoming-x"}],
    }
    accepted = await _acceptance(core, secrets).accept(_new(body=body))

    async def ended(operation: object) -> None:
        assert operation is not None
        await secrets.delete_of_operation(accepted.operation.id, (await core.get(accepted.operation)).body)

    await replace(core.runner, on_ended=ended).run(accepted.operation.id)
    assert (await core.get(accepted.operation)).status is Status.SUCCEEDED
    assert (vaults.names(), vaults.names("https://contoso.vault.azure.net")) == (["incoming-x"], ["theirs"])
