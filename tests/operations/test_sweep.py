"""The sweep: secrets that no running operation needs are deleted once a day, by one instance, and no others."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import ErrorCode, Refused
from shared.operations.accepting.locks import TABLE
from shared.operations.model.identity import is_operation_id
from shared.operations.model.models import NewOperation
from shared.secrets.keeper import Secrets
from shared.secrets.sweeping import SWEEP, Sweep
from shared.storage.daily import DailyTurn
from shared.values.hidden import Hidden
from tests.operations.kit import ALICE, TENANT, Core
from tests.support.secrets import OWN, MemoryVaults, memory_secrets


def _new(key: str) -> NewOperation:
    return NewOperation("toy", TENANT, key, {"password": {}}, ALICE, "starting", secrets={("password",): Hidden("s3cret!")})


def _sweep(core: Core, secrets: Secrets) -> Sweep:
    async def is_running(operation: str) -> bool:
        found = await core.store.get(operation) if is_operation_id(operation) else None
        return found is not None and not found.status.ended

    return Sweep(secrets, DailyTurn(core.account.table(TABLE + core.suffix), SWEEP), core.clock, is_running)


async def test_what_a_crash_left_is_swept_and_what_is_needed_stays(core: Core) -> None:
    vaults = MemoryVaults(core.clock)
    secrets = memory_secrets(vaults)
    running = await replace(core.acceptance, secrets=secrets).accept(_new("runs"))
    left = await secrets.store_of_request(core.store.id_for(_new("never-accepted")), TENANT, "password", Hidden("s3cret!"))
    ended = await replace(core.acceptance, secrets=secrets).accept(_new("ended"))
    await core.runner.run(ended.operation.id)
    for name in ("incoming-1", "azure-pack-main-sign-in-1", "farshore-odd", "one-time-link-key"):
        vaults.add(f"{OWN}/secrets/{name}", "a")
    assert await _sweep(core, secrets).sweep() == 0, "an acceptance may be under way"
    core.advance(minutes=61)
    assert await _sweep(core, secrets).sweep() == 2
    assert left.name not in vaults.names()
    assert [name for name in vaults.names() if name.startswith(f"farshore-{running.operation.id}-")]
    assert len(vaults.names()) == 5


async def test_it_runs_once_a_day_over_all_instances(core: Core) -> None:
    vaults = MemoryVaults(core.clock)
    secrets = memory_secrets(vaults)
    first, second = _sweep(core, secrets), _sweep(core, secrets)
    for sweep in (first, second, first, second):
        await sweep.run()
    assert vaults.asked == [OWN]
    core.clock.advance(timedelta(days=1))
    await second.run()
    await first.run()
    assert vaults.asked == [OWN, OWN]


async def test_a_vault_that_does_not_answer_is_swept_the_next_day(core: Core) -> None:
    vaults = MemoryVaults(core.clock)
    secrets = memory_secrets(vaults)
    await secrets.store_of_request(core.store.id_for(_new("never-accepted")), TENANT, "password", Hidden("s3cret!"))
    core.advance(minutes=61)
    vaults.down = True
    sweep = _sweep(core, secrets)
    await sweep.run()
    vaults.down = False
    core.clock.advance(timedelta(days=1))
    await sweep.run()
    assert vaults.names() == []


async def test_an_end_whose_secret_cannot_be_deleted_is_announced_and_the_sweep_deletes_it(core: Core) -> None:
    vaults = MemoryVaults(core.clock)
    secrets = memory_secrets(vaults)
    accepted = await replace(core.acceptance, secrets=secrets).accept(_new("ends"))

    async def on_ended(operation: object) -> None:
        assert operation is not None
        vaults.down = True
        await secrets.delete_of_operation(accepted.operation.id, (await core.get(accepted.operation)).body)

    await replace(core.runner, on_ended=on_ended).run(accepted.operation.id)
    assert await core.published() == ["terminal"]
    vaults.down = False
    core.advance(minutes=61)
    assert await _sweep(core, secrets).sweep() == 1


async def test_without_a_vault_nothing_is_swept(core: Core) -> None:
    await _sweep(core, memory_secrets(own=None)).run()
    with pytest.raises(Refused) as refused:
        await memory_secrets(own=None).store("x", Hidden("a"), {})
    assert refused.value.code is ErrorCode.NOT_OFFERED


async def test_a_process_that_ends_between_secret_and_acceptance_leaves_none(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    vaults = MemoryVaults(core.clock)
    secrets = memory_secrets(vaults)
    acceptance = replace(core.acceptance, secrets=secrets)

    def end(point: str) -> None:
        if point == "accept.stored":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shared.operations.accepting.acceptance.crash_point", end)
        with pytest.raises(KeyboardInterrupt):
            await acceptance.accept(_new("dies"))
    assert await acceptance.known(_new("dies")) is None
    again = await acceptance.accept(_new("dies"))
    assert (again.created, len(vaults.names())) == (True, 2)
    core.advance(minutes=61)
    assert await _sweep(core, secrets).sweep() == 0, "both are of an operation that runs"

    async def on_ended(_operation: object) -> None:
        await secrets.delete_of_operation(again.operation.id, (await core.get(again.operation)).body)

    await replace(core.runner, on_ended=on_ended).run(again.operation.id)
    assert len(vaults.names()) == 1
    assert await _sweep(core, secrets).sweep() == 1
