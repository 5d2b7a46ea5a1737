"""`GET /readiness/mappings`: what Azure lists with its owner, what two tenants list, what is gone, page by page."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.access.ownership import owner_of
from shared.access.records.claim_rows import ClaimRows
from shared.access.records.existing import claim_existing
from shared.access.records.rows import PARTITION, TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.clock import RandomIds
from shared.errors import CallFailure, FailureKind
from shared.storage.pieces import pieces
from shared.tenants.mappings.answers import MappingKind, MappingResult, OwnershipMapping
from shared.tenants.mappings.reader import MappingFilter, OwnershipMappings
from shared.web.lists import Page
from tests.tenants.kit import ENTRA, Documents

ONE, TWO, FREE, BOTH = (f"{number}0000000-0000-4000-8000-000000000000" for number in (1, 2, 3, 4))
Json = dict[str, Any]


def vault(subscription: str, name: str = "main") -> str:
    return f"/subscriptions/{subscription}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/{name}"


def account(subscription: str, name: str = "replicas") -> str:
    return f"/subscriptions/{subscription}/resourceGroups/dr/providers/Microsoft.Storage/storageAccounts/{name}"


def cloud(subscription: str, name: str) -> str:
    return f"{vault(subscription)}/replicationFabrics/vmm/replicationProtectionContainers/{name}"


class FakeEstate:
    """Azure: subscriptions with their vaults and accounts, and containers with the type of their fabric; `failing` reads raise."""

    def __init__(self) -> None:
        self.vaults_of: dict[str, list[str]] = {ONE: [vault(ONE)], TWO: [], FREE: [vault(FREE)], BOTH: []}
        self.accounts_of: dict[str, list[str]] = {ONE: [], TWO: [account(TWO)], FREE: [account(FREE)], BOTH: []}
        self.clouds = {cloud(ONE, "blue"): "VMM", cloud(ONE, "idle"): "HyperVSite", cloud(ONE, "azure"): "Azure"}
        self.failing: dict[str, int] = {}
        self.slow: Callable[[], object] = lambda: None
        self.reads: list[str] = []

    def _read(self, what: str) -> None:
        self.reads.append(what)
        if what in self.failing:
            raise CallFailure(FailureKind.REFUSED, code=f"Code{self.failing[what]}", message="no", status=self.failing[what])

    async def subscriptions(self) -> Sequence[Json]:
        self._read("subscriptions")
        return [{"subscriptionId": one} for one in self.vaults_of]

    async def vaults(self, subscription_id: str) -> Sequence[Json]:
        self._read(f"vaults {subscription_id}")
        self.slow()
        return [{"id": one} for one in self.vaults_of[subscription_id]]

    async def accounts(self, subscription_id: str) -> Sequence[Json]:
        self._read(f"accounts {subscription_id}")
        return [{"id": one} for one in self.accounts_of[subscription_id]]

    async def containers(self, vault_id: str) -> Sequence[Json]:
        self._read(f"containers {vault_id}")
        return [{"id": one, "properties": {"fabricType": kind}} for one, kind in self.clouds.items() if one.startswith(vault_id)]

    async def subscription(self, subscription_id: str) -> Json:
        self._read(subscription_id)
        if subscription_id not in self.vaults_of:
            raise CallFailure(FailureKind.NOT_FOUND, code="SubscriptionNotFound", message="no", status=404)
        return {}

    async def resource(self, resource_id: str, api_version: str) -> Json:
        assert api_version
        self._read(resource_id)
        known = {*self.clouds, *(one for found in (self.vaults_of, self.accounts_of) for each in found.values() for one in each)}
        if resource_id not in known:
            raise CallFailure(FailureKind.NOT_FOUND, code="ResourceNotFound", message="no", status=404)
        return {}


class Mapped:
    """A registry and its mappings."""

    def __init__(self, documents: Documents) -> None:
        self.documents, self.estate = documents, FakeEstate()

    @property
    def mappings(self) -> OwnershipMappings:
        table, clock = self.documents.table, self.documents.clock
        rows = TenantRows(table, RandomIds())
        return OwnershipMappings(self.estate, Registry(table, clock), rows, clock)  # type: ignore[arg-type]  # a stand-in for the estate

    async def all(self, top: int = 100, **wanted: Any) -> list[OwnershipMapping]:
        """Read every page."""
        found: list[OwnershipMapping] = []
        after: str | None = None
        while True:
            values, after = await self.mappings.page(Page(top, after), MappingFilter(**wanted))
            assert len(values) <= top
            found += values
            if after is None:
                return found

    async def results(self, **wanted: Any) -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
        """Read every page as (id, kind) -> (result, tenants)."""
        return {(one.id, one.kind): (one.result, one.tenants) for one in await self.all(**wanted)}


@pytest.fixture
async def mapped(documents: Documents) -> Mapped:
    """Two rows of an earlier version that both list a subscription; a provider, a tenant with a cloud, and a tenant of a subscription."""
    for name in ("old-a", "old-b"):
        body = Tenant(name=name, subscriptions=(BOTH,)).model_dump(mode="json", by_alias=True)
        await documents.table.insert({"PartitionKey": PARTITION, "RowKey": name, "v": 1, **pieces("document", body)})
    await documents.tenants.registrar.claim_existing()
    await documents.put("contoso", kind="provider", tenantId=ENTRA, subscriptions=[ONE], vaultId=vault(ONE))
    await documents.put("blue", clouds=[cloud(ONE, "blue")])
    await documents.put("fabrikam", subscriptions=[TWO])
    return Mapped(documents)


async def test_what_azure_lists_has_its_owner(mapped: Mapped) -> None:
    assert await mapped.results() == {
        (f"/subscriptions/{ONE}", "subscription"): ("mapped", ("contoso",)),
        (vault(ONE), "vault"): ("mapped", ("contoso",)),
        (cloud(ONE, "blue"), "cloud"): ("mapped", ("blue",)),
        (cloud(ONE, "idle"), "cloud"): ("unmapped", ()),  # the vault is shared: its owner is not that of each cloud
        (f"/subscriptions/{TWO}", "subscription"): ("mapped", ("fabrikam",)),
        (account(TWO), "storageAccount"): ("mapped", ("fabrikam",)),
        (f"/subscriptions/{FREE}", "subscription"): ("unmapped", ()),
        (vault(FREE), "vault"): ("unmapped", ()),
        (account(FREE), "storageAccount"): ("unmapped", ()),
        (f"/subscriptions/{BOTH}", "subscription"): ("mappedTwice", ("old-a", "old-b")),
    }


async def test_a_cloud_of_a_vault_that_is_not_shared_is_mapped_through_it(mapped: Mapped) -> None:
    await mapped.documents.change("blue")
    found = await mapped.results(kind=MappingKind.CLOUD)
    assert set(found.values()) == {("mapped", ("contoso",))}


async def test_what_the_registry_names_and_azure_does_not_have_is_missing(mapped: Mapped) -> None:
    await mapped.documents.change(
        "fabrikam", subscriptions=[TWO, ENTRA], vaultId=vault(TWO, "gone"), storageAccounts=[account(TWO), account(TWO, "gone")],
        clouds=[cloud(ONE, "gone")],
    )  # fmt: skip
    found = await mapped.results(result=MappingResult.MISSING)
    gone = (f"/subscriptions/{ENTRA}", vault(TWO, "gone"), account(TWO, "gone"), cloud(ONE, "gone"))
    assert found == {(one, "registryRow"): ("missing", ("fabrikam",)) for one in gone}


async def test_what_an_earlier_version_lists_of_anothers_is_mapped_twice(mapped: Mapped) -> None:
    body = Tenant(name="late", subscriptions=(TWO,)).model_dump(mode="json", by_alias=True)
    await mapped.documents.table.insert({"PartitionKey": PARTITION, "RowKey": "late", "v": 1, **pieces("document", body)})
    found = await mapped.all(result=MappingResult.MAPPED_TWICE)
    assert (f"/subscriptions/{TWO}", ("fabrikam", "late")) in [(one.id, one.tenants) for one in found]


async def test_one_that_is_left_of_two_has_to_be_written_again(mapped: Mapped) -> None:
    await mapped.documents.change("old-b")
    assert (await mapped.results())[(f"/subscriptions/{BOTH}", "subscription")] == ("unmapped", ("old-a",))
    await mapped.documents.change("old-a", subscriptions=[BOTH])
    assert (await mapped.results())[(f"/subscriptions/{BOTH}", "subscription")] == ("mapped", ("old-a",))


Listing = Callable[[str], dict[str, Any]]
EACH_KIND: dict[str, tuple[Listing, Callable[[str], str]]] = {
    "subscription": (lambda one: {"subscriptions": [one]}, lambda one: f"/subscriptions/{one}"),
    "vault": (lambda one: {"vault_id": vault(one)}, vault),
    "storageAccount": (lambda one: {"storage_accounts": [account(one)]}, account),
    "cloud": (lambda one: {"clouds": [cloud(one, "red")]}, lambda one: cloud(one, "red")),
}
"""How a tenant's document lists each kind of thing in a subscription, and the id of that thing."""


async def by_hand(mapped: Mapped, name: str, listing: dict[str, Any]) -> None:
    """Write a row as an earlier version did."""
    body = Tenant(name=name, **listing).model_dump(mode="json", by_alias=True)
    await mapped.documents.table.upsert({"PartitionKey": PARTITION, "RowKey": name, "v": 1, **pieces("document", body)})


@pytest.mark.parametrize("kind", EACH_KIND)
async def test_each_kind_without_a_tenant_with_one_with_two_and_gone(mapped: Mapped, kind: str) -> None:
    listing, id_of = EACH_KIND[kind]
    mapped.estate.clouds[cloud(FREE, "red")] = "VMM"
    place = (id_of(FREE), kind)
    assert (await mapped.results())[place] == ("unmapped", ())
    await by_hand(mapped, "first", listing(FREE))
    writer = mapped.documents.tenants.registrar
    first = await writer.get("first")
    assert first is not None
    await writer.claim(first)
    assert (await mapped.results())[place] == ("mapped", ("first",))
    await by_hand(mapped, "second", listing(FREE))
    found = await mapped.all(result=MappingResult.MAPPED_TWICE)
    assert [(one.id, one.kind, one.tenants) for one in found if one.id == place[0]] == [(*place, ("first", "second"))]
    assert all(one.action for one in found)
    await by_hand(mapped, "second", listing(ENTRA))
    gone = await mapped.results(result=MappingResult.MISSING)
    assert gone == {(id_of(ENTRA), "registryRow"): ("missing", ("second",))}


@pytest.mark.parametrize("kind", EACH_KIND)
async def test_each_kind_that_two_rows_of_an_earlier_version_list_has_no_owner(mapped: Mapped, kind: str) -> None:
    listing, id_of = EACH_KIND[kind]
    mapped.estate.clouds[cloud(FREE, "red")] = "VMM"
    for name in ("older-a", "older-b"):
        await by_hand(mapped, name, listing(FREE))
    rows, claims = TenantRows(mapped.documents.table, RandomIds()), ClaimRows(mapped.documents.table, mapped.documents.clock)
    await claim_existing(rows, claims, RandomIds(), again=True)
    assert (await mapped.results())[(id_of(FREE), kind)] == ("mappedTwice", ("older-a", "older-b"))
    assert await owner_of(mapped.documents.tenants.registry, id_of(FREE)) is None


@pytest.mark.parametrize(
    ("what", "id_", "kind"),
    [
        ("subscriptions", "/subscriptions", "subscription"),
        (f"vaults {ONE}", f"/subscriptions/{ONE}", "vault"),
        (f"accounts {TWO}", f"/subscriptions/{TWO}", "storageAccount"),
        (f"containers {vault(ONE)}", vault(ONE), "cloud"),
        (vault(ONE), vault(ONE), "registryRow"),
        (ENTRA, f"/subscriptions/{ENTRA}", "registryRow"),
    ],
)
@pytest.mark.parametrize("status", [403, 429, 504])
async def test_what_cannot_be_listed_is_unknown(mapped: Mapped, what: str, id_: str, kind: str, status: int) -> None:
    mapped.estate.failing[what] = status
    await mapped.documents.change("fabrikam", subscriptions=[TWO, *([ENTRA] if what == ENTRA else [])])
    found = [one for one in await mapped.all() if (one.id, one.kind) == (id_, kind)]
    assert [(one.result, f"Code{status}" in one.message, bool(one.action)) for one in found] == [("unknown", True, True)]
    assert "missing" not in {one.result for one in await mapped.all()}


async def test_pages_of_any_size_hold_each_entry_once_and_in_one_order(mapped: Mapped) -> None:
    await mapped.documents.change("fabrikam", subscriptions=[TWO, ENTRA], storageAccounts=[account(ENTRA, f"gone{n}") for n in range(4)])
    whole = await mapped.all()
    for top in (1, 2, 3, 7):
        assert await mapped.all(top) == whole
    assert len({(one.id, one.kind) for one in whole}) == len(whole)
    assert await mapped.all(2, result=MappingResult.UNMAPPED) == [one for one in whole if one.result is MappingResult.UNMAPPED]


async def test_a_page_ends_after_20_seconds_at_the_end_of_a_subscription(mapped: Mapped) -> None:
    whole = await mapped.all()
    mapped.estate.slow = lambda: mapped.documents.clock.advance(timedelta(seconds=15))
    pages: list[list[OwnershipMapping]] = []
    after: str | None = None
    while after is not None or not pages:
        values, after = await mapped.mappings.page(Page(100, after), MappingFilter())
        pages.append(values)
    subscriptions = [[one.id for one in page if one.kind is MappingKind.SUBSCRIPTION] for page in pages]
    assert subscriptions == [[f"/subscriptions/{one}" for one in two] for two in ((ONE, TWO), (FREE, BOTH), ())]
    assert [one for page in pages for one in page] == whole
