"""The administrator's API over real TLS: the life of a user, an add-on and a subscription, and what is refused."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import CLOUDS, OWNER, STAMP, SUBSCRIPTION
from shared.azure_pack.admin.client import AdminClient
from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, ServiceReference, UserState
from shared.azure_pack.authorization import BearerAuthorization, TokenCache
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.quotas import CloudQuota, NetworkQuota
from shared.azure_pack.subscriptions import ConfigState, OfferState, ServiceQuota, ServiceSetting, SubscriptionState, SyncState
from tests.azure_pack.clients import administrator, by_certificate, membership, refused
from tests.azure_pack.pack import Pack, running_pack

ID = UUID(SUBSCRIPTION)
USER = "müller&co@example.com"


def quota(**limits: int) -> ServiceQuota:
    """The quota of an add-on in the first cloud."""
    value = CloudQuota(UUID(CLOUDS[0]), UUID(STAMP), **limits).to_xml()
    return ServiceQuota(service_name="systemcenter", service_instance_id="instance", settings=(ServiceSetting(key="Clouds", value=value),))


async def order(admin: AdminClient, id_: UUID, add_on: str) -> None:
    """Make what an order makes, in its order."""
    await admin.create_user(NewUser(name=USER, email="mueller@example.com"))
    await admin.create_subscription(NewSubscription(subscription_id=id_, friendly_name="One", account_admin=USER, plan_id="gold-plan"))
    await admin.create_add_on(NewAddOn(id=add_on, display_name="Personal"))
    await admin.add_service(add_on, ServiceReference(name="systemcenter", instance_id="instance"))
    await admin.update_quota(add_on, [quota(vm_count=2, cpu_count=4, memory_mb=8192, storage_gb=200)])
    await admin.link("gold-plan", add_on)
    await admin.subscribe(id_, add_on)


async def test_the_life_of_a_subscription(pack: Pack) -> None:
    admin, id_ = administrator(pack), uuid4()
    await order(admin, id_, "personal")
    one = await admin.subscription(id_)
    assert (one.account_admin, one.quota_sync_state, one.activation_sync_state) == (USER, SyncState.SYNCING, SyncState.SYNCING)
    pack.pass_time(seconds=91)
    one = await admin.subscription(id_)
    assert (one.state, one.quota_sync_state, one.activation_sync_state) == (SubscriptionState.ACTIVE, SyncState.IN_SYNC, SyncState.IN_SYNC)
    add_on = await admin.add_on("personal")
    assert (add_on.state, add_on.config_state, add_on.associated_plans) == (OfferState.PRIVATE, ConfigState.CONFIGURED, ("gold-plan",))
    setting = add_on.service_quotas[0].setting("Clouds")
    assert setting is not None
    assert CloudQuota.parse(setting) == (CloudQuota(UUID(CLOUDS[0]), UUID(STAMP), 2, 4, 8192, 200),)

    await admin.suspend(id_)
    assert (await admin.subscription(id_)).state is SubscriptionState.SUSPENDED
    await admin.activate(id_)
    reference = (await admin.subscription(id_)).add_on_references[0]
    assert reference.add_on_instance_id is not None
    await admin.unsubscribe(id_, "personal", reference.add_on_instance_id)
    await admin.synchronize(id_)
    await admin.unlink("gold-plan", "personal")
    await admin.delete_add_on("personal")
    await admin.delete_subscription(id_)
    assert (await admin.subscription(id_)).state is SubscriptionState.DELETE_PENDING
    pack.pass_time(seconds=31)
    assert (await refused(admin.subscription(id_))).kind is ErrorKind.NOT_FOUND
    await admin.update_user(USER, UserState.SUSPENDED)
    assert (await admin.user(USER)).state is UserState.SUSPENDED
    await admin.delete_user(USER)
    assert (await refused(admin.user(USER))).kind is ErrorKind.NOT_FOUND


async def test_effects_are_logged_with_the_administrator_and_the_path_as_sent(pack: Pack) -> None:
    await administrator(pack).create_user(NewUser(name=USER, email="a@example.com"))
    await administrator(pack).update_user(USER, UserState.ACTIVE)
    effects = pack.platform.effects.since(0)
    assert [(each["service"], each["principal"]) for each in effects] == [("azurePack.admin", "PACK\\farshore")] * 2
    assert effects[1]["path"] == "/users/m%C3%BCller%26co%40example.com"
    assert effects[0]["clientRequestId"]


async def test_what_is_taken_is_a_conflict(pack: Pack) -> None:
    admin = administrator(pack)
    new = NewSubscription(subscription_id=ID, friendly_name="x", account_admin=OWNER, plan_id="gold-plan")
    assert (await refused(admin.create_user(NewUser(name=OWNER.upper(), email=OWNER)))).code == "UserAlreadyExists"
    assert (await refused(admin.create_subscription(new))).code == "SubscriptionAlreadyExists"
    assert (await refused(admin.create_add_on(NewAddOn(id="backup", display_name="x")))).kind is ErrorKind.CONFLICT
    assert (await refused(admin.link("gold-plan", "backup"))).code == "AddOnAlreadyLinked"
    assert (await refused(admin.subscribe(ID, "northwind"))).code == "AddOnLimitReached"
    assert pack.effects() == []


async def test_the_rules_of_add_ons(pack: Pack) -> None:
    admin = administrator(pack)
    await admin.create_add_on(NewAddOn(id="new", display_name="New"))
    assert (await refused(admin.update_quota("new", [quota(vm_count=1)]))).code == "ServiceNotFound"
    assert (await refused(admin.link("gold-plan", "new"))).code == "AddOnNotConfigured"
    assert (await refused(admin.subscribe(ID, "new"))).code == "AddOnNotLinked"
    assert (await refused(admin.delete_add_on("northwind"))).code == "AddOnInUse"
    assert (await refused(admin.unlink("gold-plan", "northwind"))).code == "AddOnInUse"


async def test_the_limit_of_subscriptions_of_a_plan(pack: Pack) -> None:
    admin = administrator(pack)
    first, second = (
        NewSubscription(subscription_id=uuid4(), friendly_name="x", account_admin=OWNER, plan_id="single-plan") for _ in range(2)
    )
    await admin.create_subscription(first)
    error = await refused(admin.create_subscription(second))
    assert (error.kind, error.code) == (ErrorKind.CONFLICT, "MaxSubscriptionsReached")


async def test_a_quota_changes_no_subscription_until_it_is_synchronised(pack: Pack) -> None:
    admin = administrator(pack)
    await admin.update_quota("northwind", [quota(vm_count=20, cpu_count=40, memory_mb=1, storage_gb=1)])
    pack.pass_time(minutes=10)
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.IN_SYNC
    limit = pack.platform.estate()["azurePack"][0]["subscriptions"][0]["_inForce"]["VMCount"]
    await admin.synchronize_add_on("northwind")
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.SYNCING
    pack.pass_time(seconds=91)
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.IN_SYNC
    assert (limit, pack.platform.estate()["azurePack"][0]["subscriptions"][0]["_inForce"]["VMCount"]) == (10, 20)


async def test_a_synchronisation_that_fails_has_its_text(pack: Pack) -> None:
    admin = administrator(pack)
    pack.fault("outOfSync", message="The stamp did not answer.", times=1)
    await admin.synchronize(ID)
    pack.pass_time(seconds=91)
    one = await admin.subscription(ID)
    assert (one.quota_sync_state, one.last_error_message) == (SyncState.OUT_OF_SYNC, "The stamp did not answer.")
    pack.fault("slowSync", delay="PT1H")
    await admin.synchronize(ID)
    pack.pass_time(minutes=59)
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.SYNCING
    pack.pass_time(minutes=2)
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.IN_SYNC


async def test_only_synchronisations_use_up_their_faults(pack: Pack) -> None:
    admin = administrator(pack)
    pack.fault("outOfSync", times=1)
    await admin.suspend(ID)
    await admin.activate(ID)
    await admin.update_quota("northwind", [quota(vm_count=20)])
    assert [fault.remaining for fault in pack.platform.faults.all] == [1]
    await admin.synchronize_add_on("northwind")
    pack.pass_time(seconds=91)
    assert (await admin.subscription(ID)).quota_sync_state is SyncState.OUT_OF_SYNC


async def test_the_services_of_a_subscription_show_its_synchronisation(pack: Pack) -> None:
    admin = administrator(pack)
    await admin.synchronize(ID)
    assert [each.quota_sync_state for each in (await admin.subscription(ID)).services] == [SyncState.SYNCING]
    pack.pass_time(seconds=91)
    assert [each.quota_sync_state for each in (await admin.subscription(ID)).services] == [SyncState.IN_SYNC]


async def test_a_deletion_waits_for_machines_unless_it_is_forced(pack: Pack) -> None:
    admin = administrator(pack)
    await admin.delete_subscription(ID)
    pack.pass_time(hours=1)
    one = await admin.subscription(ID)
    assert one.state is SubscriptionState.DELETE_PENDING
    assert one.last_error_message is not None
    await admin.delete_subscription(ID, force=True)
    pack.pass_time(seconds=31)
    assert (await refused(admin.subscription(ID))).kind is ErrorKind.NOT_FOUND
    state = pack.installation.control.state()
    assert (len(state["machines"]), len(state["orphans"])) == (0, 4)


async def test_a_user_with_subscriptions_is_deleted_only_with_them(pack: Pack) -> None:
    admin = administrator(pack)
    assert (await refused(admin.delete_user(OWNER))).code == "UserHasSubscriptions"
    pack.fault("stuckDeletion", method="DELETE")
    await admin.delete_user(OWNER, delete_subscriptions=True)
    pack.pass_time(days=1)
    assert (await admin.subscription(ID)).state is SubscriptionState.DELETE_PENDING


async def test_a_migration_changes_the_plan(pack: Pack) -> None:
    admin = administrator(pack)
    await admin.migrate(ID, "silver-plan")
    assert (await admin.subscription(ID)).plan_id == "silver-plan"
    assert (await refused(admin.migrate(ID, "none"))).kind is ErrorKind.NOT_FOUND


async def test_a_suspended_subscription_is_closed_to_its_tenant(pack: Pack) -> None:
    await administrator(pack).suspend(ID)
    error = await refused(by_certificate(pack).subscription(ID))
    assert (error.kind, error.status) == (ErrorKind.FORBIDDEN, 403)
    assert "SubscriptionSuspended" in [each.code for each in error.details]


async def test_all_pages_of_a_list_are_read_and_filters_arrive() -> None:
    users = [{"Name": f"user-{number}@example.com", "State": "Active"} for number in range(1001)]
    async with running_pack(users=users) as pack:
        admin = administrator(pack)
        names = [each.name async for each in admin.users()]
        assert names == [each["Name"] for each in users]
        assert [each.id async for each in admin.subscriptions(user=OWNER.upper(), plan="gold-plan", add_on="northwind")] == [ID]
        assert [each.id async for each in admin.subscriptions(plan="silver-plan")] == []
    reads = sum(each["count"] for each in pack.platform.requests.as_json() if each["operation"] == "azurePack.admin")
    assert reads == 11 + 2


async def test_plans_have_their_limits(pack: Pack) -> None:
    plans = {each.display_name: each async for each in administrator(pack).plans()}
    assert set(plans) == {"Gold", "Silver", "Boundless", "Retired", "Single"}
    assert (plans["Retired"].state, plans["Single"].max_subscriptions_per_account) == (OfferState.DECOMMISSIONED, 1)
    silver = plans["Silver"].service_quotas[0].setting("Clouds")
    boundless = plans["Boundless"].service_quotas[0].setting("Clouds")
    assert silver is not None
    assert boundless is not None
    assert CloudQuota.parse(silver) == (CloudQuota(UUID(CLOUDS[1]), UUID(STAMP), 2, 2, 4096, 100),)
    assert CloudQuota.parse(boundless) == (CloudQuota(UUID(CLOUDS[0]), UUID(STAMP)),)
    assert (await administrator(pack).plan("gold-plan")).add_on_references[0].add_on_id == "backup"
    assert [each.id async for each in administrator(pack).add_ons()] == ["backup", "databases", "northwind"]


async def test_a_token_of_the_tenants_is_refused(pack: Pack) -> None:
    admin = AdminClient(pack.url(Listener.ADMIN), pack.transport(), BearerAuthorization(TokenCache(membership(pack), pack.wall), OWNER))
    assert (await refused(admin.plan("gold-plan"))).cause is Cause.TOKEN_REFUSED


# quotas

LIMIT = st.none() | st.integers(0, 2**31 - 1)


@given(LIMIT, LIMIT, LIMIT, LIMIT)
def test_a_cloud_s_quota_is_read_as_it_was_written(vms: int | None, cpus: int | None, memory: int | None, storage: int | None) -> None:
    written = CloudQuota(UUID(int=1), UUID(int=2), vms, cpus, memory, storage)
    assert CloudQuota.parse(written.to_xml()) == (written,)


@given(LIMIT, LIMIT, LIMIT, LIMIT, LIMIT)
def test_a_network_s_quota_is_read_as_it_was_written(
    networks: int | None, inwards: int | None, outwards: int | None, vpn: int | None, nat: int | None
) -> None:
    written = NetworkQuota(UUID(int=2), networks, inwards, outwards, vpn, nat)
    assert NetworkQuota.parse(written.to_xml()) == (written,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<Clouds><Cloud/></Clouds>",
        '<Clouds><Cloud Id="1" StampId="2"/></Clouds>',
        f'<Clouds><Cloud Id="{ID}" StampId="{ID}"><Quota><RoleVMCount>many</RoleVMCount></Quota></Cloud></Clouds>',
        f'<Clouds><Cloud Id="{ID}" StampId="{ID}"><Quota><RoleVMCount>-1</RoleVMCount></Quota></Cloud></Clouds>',
    ],
)
def test_a_quota_that_cannot_be_read_is_not_taken_for_unlimited(text: str) -> None:
    with pytest.raises(AzurePackError) as raised:
        CloudQuota.parse(text)
    assert raised.value.kind is ErrorKind.UNREADABLE
