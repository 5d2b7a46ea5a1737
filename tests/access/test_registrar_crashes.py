"""A process that ends between two writes of a PUT: there are never two owners, and the next PUT puts right what it left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.processes import ROOT
from shared.errors import ErrorCode, Refused
from shared.operations.crash_points import REGISTRY_POINTS
from tests.access.writing import SUBSCRIPTIONS, Written, tenant

ONE, TWO, *_ = SUBSCRIPTIONS
PROGRAM = """
import asyncio, json, sys
from shared.access.records.tenant import Tenant
from shared.access.registrar import Registrar
from shared.clock import RandomIds
from shared.storage.tables import connect
from tests.support.clocks import ManualClock

async def main():
    connection, table, document, delete = sys.argv[1:]
    storage = connect(connection)
    writer = Registrar(storage.table(table), ManualClock(), RandomIds())
    wanted = Tenant.model_validate(json.loads(document))
    standing = await writer.get(wanted.name)
    if delete == "delete":
        await writer.delete(standing, "a worker")
    else:
        await writer.put(wanted, standing, "a worker")

asyncio.run(main())
"""


def die(azurite: Azurite, written: Written, folder: Path, point: str, document: str, change: str = "put") -> None:
    """Write a tenant in a process of its own, which ends at a point."""
    (folder / point).write_text("")
    command = [sys.executable, "-c", PROGRAM, azurite.connection_string, written.table.name, document, change]
    environment = {**os.environ, "FARSHORE_CRASH_POINT": str(folder), "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, timeout=60).returncode == 137


async def owners(written: Written) -> dict[str, str | None]:
    """Return the owner of each subscription, once without a cache and once by a fresh one."""
    found = {subscription: await written.owner(subscription) for subscription in (ONE, TWO)}
    reader = written.reader()
    for subscription, owner in found.items():
        known = await reader.owner_of_subscription(subscription)
        assert (known.name if known else None) == owner
    return found


@pytest.mark.parametrize("point", REGISTRY_POINTS)
async def test_death_at_a_point_of_a_put(azurite: Azurite, written: Written, tmp_path: Path, point: str) -> None:
    """Fabrikam has ONE and is to have TWO in its place; the process ends, and northwind asks for each of them."""
    await written.put(tenant("fabrikam", ONE))
    wanted = tenant("fabrikam", TWO).model_dump_json(by_alias=True)
    die(azurite, written, tmp_path, point, wanted)
    after = await owners(written)
    assert after[ONE] in {"fabrikam", None}
    assert after[TWO] in {"fabrikam", None}
    for subscription in (ONE, TWO):
        with pytest.raises(Refused) as found:
            await written.put(tenant(f"northwind-{subscription[:8]}", subscription))
        assert found.value.code in {ErrorCode.ALREADY_MAPPED, ErrorCode.JUST_RELEASED}
        assert (await owners(written))[subscription] in {"fabrikam", None}
    await written.put(tenant("fabrikam", TWO))
    assert await owners(written) == {ONE: None, TWO: "fabrikam"}


@pytest.mark.parametrize("point", REGISTRY_POINTS)
async def test_what_a_dead_writer_left_behind_is_anothers_after_two_minutes(
    azurite: Azurite, written: Written, tmp_path: Path, point: str
) -> None:
    await written.put(tenant("fabrikam", ONE))
    die(azurite, written, tmp_path, point, tenant("fabrikam", TWO).model_dump_json(by_alias=True))
    written.pass_time(121)
    listed = await written.writer().get("fabrikam")
    assert listed is not None
    free = ONE if listed.tenant.subscriptions == (TWO,) else TWO
    await written.put(tenant("northwind", free))
    found = await owners(written)
    assert found[free] == "northwind"
    assert found[TWO if free == ONE else ONE] == "fabrikam"


@pytest.mark.parametrize("point", REGISTRY_POINTS[1:])
async def test_death_at_a_point_of_a_deletion(azurite: Azurite, written: Written, tmp_path: Path, point: str) -> None:
    await written.put(tenant("fabrikam", ONE))
    die(azurite, written, tmp_path, point, tenant("fabrikam").model_dump_json(by_alias=True), "delete")
    assert (await owners(written))[ONE] is None
    written.pass_time(121)
    await written.put(tenant("northwind", ONE))
    assert (await owners(written))[ONE] == "northwind"
    with pytest.raises(Refused) as found:
        await written.put(tenant("FABRIKAM"))
    assert found.value.code is ErrorCode.NAME_USED_BEFORE


@pytest.mark.parametrize("point", REGISTRY_POINTS)
async def test_death_while_a_tenant_is_created(azurite: Azurite, written: Written, tmp_path: Path, point: str) -> None:
    await written.writer().claim_existing()
    die(azurite, written, tmp_path, point, tenant("fabrikam", ONE).model_dump_json(by_alias=True))
    assert (await owners(written))[ONE] in {"fabrikam", None}
    await written.put(tenant("fabrikam", ONE))
    assert (await owners(written))[ONE] == "fabrikam"
