"""Rows that an earlier version, or a person, wrote: read, claimed once, changed, and read again by that version."""

import logging
from typing import Any

import pytest

from shared.access.records.claims import subscription_claim
from shared.access.records.rows import RegistryError
from shared.storage.tables import Table
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER
from tests.access.writing import SUBSCRIPTIONS, Written, tenant
from tests.compatibility.previous_registry import PreviousTenant, previous_row, read_previous

ONE, TWO, THREE, *_ = SUBSCRIPTIONS
DOCUMENTS: list[dict[str, Any]] = [
    {
        "name": one.name, "displayName": one.display_name, "kind": str(one.kind), "tenantId": one.tenant_id,
        "subscriptions": list(one.subscriptions), "vaultId": one.vault_id, "clouds": [],
        "settings": {"twoPersonRule": False, "recoveryPointObjective": "PT4H", "testFailoverMaxAgeDays": 30, "blastRadius": 5},
    }
    for one in (PROVIDER, FABRIKAM, NORTHWIND)
]  # fmt: skip


async def write_previous(table: Table, *documents: dict[str, Any]) -> None:
    for document in documents:
        await table.upsert(previous_row(document))


async def as_previous(table: Table) -> dict[str, PreviousTenant]:
    """Read the registry as the previous version did: the whole partition."""
    rows = table.range("PartitionKey eq @partition", parameters={"partition": "tenant"})
    return {tenant.name: tenant async for row in rows if (tenant := read_previous(dict(row.entity)))}


async def questions(written: Written) -> dict[str, str | None]:
    """What both versions answer alike."""
    registry = written.reader()
    found = {
        "provider": await registry.provider(),
        "entra": await registry.by_entra_tenant(str(FABRIKAM.tenant_id)),
        "subscription": await registry.owner_of_subscription(NORTHWIND.subscriptions[0]),
        "vault": await registry.owner_of_vault(str(FABRIKAM.vault_id)),
        "nothing": await registry.owner_of_subscription(THREE),
    }
    return {name: one.name if one is not None else None for name, one in found.items()}


EXPECTED = {"provider": "contoso", "entra": "fabrikam", "subscription": "northwind", "vault": "fabrikam", "nothing": None}


async def test_old_rows_are_read_claimed_and_read_again_by_the_previous_version(written: Written) -> None:
    await write_previous(written.table, *DOCUMENTS)
    before = await as_previous(written.table)
    assert await questions(written) == EXPECTED, "before they are claimed"
    await written.writer().claim_existing()
    await written.writer().claim_existing()
    assert await questions(written) == EXPECTED, "after"
    assert await as_previous(written.table) == before
    assert await written.claimant(subscription_claim(NORTHWIND.subscriptions[0])) == "northwind"


async def test_the_settings_of_old_rows_count(written: Written) -> None:
    await write_previous(written.table, *DOCUMENTS)
    found = await written.reader().by_name("fabrikam")
    assert found is not None
    assert (found.settings.test_failover_max_age_days, found.settings.blast_radius, found.settings.two_person_rule) == (30, 5, False)


async def test_what_the_new_version_writes_the_previous_one_reads(written: Written) -> None:
    await write_previous(written.table, *DOCUMENTS)
    await written.put(tenant("fabrikam", ONE, shape="site", callers=[{"tenantId": PROVIDER.tenant_id, "appId": ONE}], quotas={"cores": 1}))
    await written.put(tenant("new", TWO, settings={"blastRadius": 7}))
    await written.delete("northwind")
    found = await as_previous(written.table)
    assert found["fabrikam"].subscriptions == (ONE,)
    assert found["new"].settings["blastRadius"] == 7
    assert (found["northwind"].tenant_id, found["northwind"].subscriptions) == (None, ()), "a deleted tenant has nothing"


async def test_what_the_previous_version_wrote_meanwhile_is_claimed_by_the_next_put(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE))
    await write_previous(written.table, {"name": "fabrikam", "subscriptions": [ONE, TWO]})
    assert await written.owner(TWO) is None
    writer = written.writer()
    standing = await writer.get("fabrikam")
    assert standing is not None
    await writer.claim(standing)
    assert await written.owner(TWO) == "fabrikam"


async def test_what_two_rows_list_is_claimed_for_neither_and_logged(written: Written, caplog: pytest.LogCaptureFixture) -> None:
    both = {**DOCUMENTS[2], "subscriptions": [*NORTHWIND.subscriptions, *FABRIKAM.subscriptions]}
    await write_previous(written.table, *DOCUMENTS[:2], both)
    with pytest.raises(RegistryError, match="fabrikam and northwind"):
        await written.owner(FABRIKAM.subscriptions[0])
    with caplog.at_level(logging.ERROR):
        await written.writer().claim_existing()
    assert "RegistryError" in caplog.text
    assert await written.owner(FABRIKAM.subscriptions[0]) is None
    assert await written.owner(NORTHWIND.subscriptions[0]) == "northwind"
    await written.put(tenant("northwind", *NORTHWIND.subscriptions))
    await written.put(tenant("fabrikam", *FABRIKAM.subscriptions))
    assert await written.owner(FABRIKAM.subscriptions[0]) == "fabrikam"
