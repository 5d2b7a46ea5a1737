"""The tenant public API with the certificate of a publishsettings file, over real TLS."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import SUBSCRIPTION
from local.simulation.azure_pack.tokens import TENANT_SITE
from shared.azure_pack.authorization import CertificateAuthorization
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.subscriptions import SubscriptionState, SyncState
from shared.azure_pack.tenant import TenantClient
from shared.azure_pack.transport import Transport
from tests.azure_pack.clients import by_certificate, refused
from tests.azure_pack.pack import Pack, keys, running_pack

ID = UUID(SUBSCRIPTION)


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
async def test_a_publishsettings_file_reaches_its_subscription(pack: Pack, schema: str) -> None:
    read = pack.publish_settings(schema=schema)
    assert (read.schema_version, [each.id for each in read.subscriptions]) == (None if schema == "1.0" else "2.0", [ID])
    tenant = by_certificate(pack, read.subscriptions[0])
    one = await tenant.subscription(ID)
    assert (one.name, one.plan_id, one.state, one.quota_sync_state) == (
        "Northwind",
        "gold-plan",
        SubscriptionState.ACTIVE,
        SyncState.IN_SYNC,
    )
    assert [each.id async for each in tenant.subscriptions()] == [ID]
    assert [each.id async for each in tenant.add_ons()] == ["backup", "databases"]  # a private one is not shown
    assert "boundless-plan" in [each.id async for each in tenant.plans()]


async def test_an_add_on_is_subscribed_synchronised_and_removed(pack: Pack) -> None:
    tenant = by_certificate(pack)
    reference = await tenant.subscribe(ID, "backup")
    assert (await tenant.subscription(ID)).quota_sync_state is SyncState.SYNCING
    pack.pass_time(seconds=89)
    assert (await tenant.subscription(ID)).quota_sync_state is SyncState.SYNCING
    pack.pass_time(seconds=2)
    one = await tenant.subscription(ID)
    assert one.quota_sync_state is SyncState.IN_SYNC
    assert [each.add_on_id for each in one.add_on_references] == ["northwind", "backup"]
    with pytest.raises(AzurePackError) as raised:
        await tenant.subscribe(ID, "backup")
    assert (raised.value.kind, raised.value.code) == (ErrorKind.CONFLICT, "AddOnLimitReached")
    assert reference.add_on_instance_id is not None
    await tenant.unsubscribe(ID, "backup", reference.add_on_instance_id)
    await tenant.synchronize(ID)
    assert [each.add_on_id for each in (await tenant.subscription(ID)).add_on_references] == ["northwind"]


async def test_a_private_add_on_cannot_be_taken(pack: Pack) -> None:
    with pytest.raises(AzurePackError) as raised:
        await by_certificate(pack).subscribe(ID, "northwind")
    assert (raised.value.kind, raised.value.code) == (ErrorKind.NOT_FOUND, "AddOnNotFound")


async def test_usage_is_read(pack: Pack) -> None:
    usage = {each.display_name: (each.usage, each.limit) for each in await by_certificate(pack).usage(ID)}
    assert usage["Virtual Machines"] == (4, 10)
    assert usage["RAM"] == (4096, 32768)


async def test_a_certificate_is_added_and_deleted(pack: Pack) -> None:
    tenant, other = by_certificate(pack), pack.publish_settings(register=False).subscriptions[0]
    assert (await refused(by_certificate(pack, other).subscription(ID))).cause is Cause.CLIENT_CERTIFICATE_REJECTED
    await tenant.add_certificate(ID, other.certificate.der())
    assert other.certificate.thumbprint in [each.thumbprint for each in await tenant.certificates(ID)]
    assert (await by_certificate(pack, other).subscription(ID)).id == ID
    await tenant.delete_certificate(ID, other.certificate.thumbprint)
    assert (await refused(by_certificate(pack, other).subscription(ID))).cause is Cause.CLIENT_CERTIFICATE_REJECTED


# what is refused, each with its own cause


async def test_an_unregistered_certificate_is_rejected_by_its_thumbprint(pack: Pack) -> None:
    published = pack.publish_settings(register=False).subscriptions[0]
    error = await refused(by_certificate(pack, published).subscription(ID))
    assert (error.kind, error.cause, error.code, error.status) == (
        ErrorKind.FORBIDDEN,
        Cause.CLIENT_CERTIFICATE_REJECTED,
        "ClientCertificateRejected",
        403,
    )
    assert published.certificate.thumbprint in error.message


async def test_a_certificate_of_an_unknown_authority_is_rejected_in_the_handshake(pack: Pack) -> None:
    error = await refused(by_certificate(pack, pack.publish_settings(authority="other").subscriptions[0]).subscription(ID))
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.CLIENT_CERTIFICATE_REJECTED, False)


async def test_a_certificate_that_ends_is_not_sent(pack: Pack) -> None:
    tenant = by_certificate(pack, pack.publish_settings(lifetime="PT1H").subscriptions[0])
    await tenant.subscription(ID)
    pack.wall.offset = timedelta(hours=2)
    error = await refused(tenant.subscription(ID))
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.CLIENT_CERTIFICATE_EXPIRED, False)


async def test_the_wrong_authority_and_another_host_name(pack: Pack) -> None:
    assert (await refused(by_certificate(pack, tls=TlsOptions()).subscription(ID))).cause is Cause.TLS_UNTRUSTED
    pack.installation.control.host_name({"name": "moved.local"})
    error = await refused(by_certificate(pack).subscription(ID))
    assert error.cause is Cause.TLS_HOST_NAME
    assert "moved.local" in error.message


async def test_an_unknown_subscription_and_a_suspended_one_are_forbidden(pack: Pack) -> None:
    tenant = by_certificate(pack)
    with pytest.raises(AzurePackError) as raised:
        await tenant.subscription(UUID(int=7))
    assert raised.value.kind is ErrorKind.FORBIDDEN


@pytest.mark.parametrize("status", [302, 200])
async def test_a_login_page_is_not_signed_in(pack: Pack, status: int) -> None:
    pack.fault("loginPage", status=status)
    error = await refused(by_certificate(pack).subscription(ID))
    assert (error.kind, error.cause, error.code, error.status) == (ErrorKind.SIGN_IN, Cause.LOGIN_PAGE, "LoginPage", status)
    assert ("login.pack.local" in error.message) is (status == 302)


@pytest.mark.parametrize("shape", ["service", "odata", "atom", "html", "soap"])
async def test_an_error_of_each_shape_is_read(pack: Pack, shape: str) -> None:
    pack.fault("error", status=500, message="The database is down.", code="Broken", errorShape=shape)
    error = await refused(by_certificate(pack).subscription(ID))
    assert (error.kind, error.status, error.sent) == (ErrorKind.SERVER, 500, True)
    assert "The database is down." in error.message


async def test_throttling_has_its_time_and_a_lost_answer_is_in_doubt(pack: Pack) -> None:
    pack.fault("throttle", retryAfter=17)
    pack.fault("lostResponse", method="POST")
    tenant = by_certificate(pack)
    error = await refused(tenant.subscription(ID))
    assert (error.kind, error.retry_after) == (ErrorKind.THROTTLED, 17)
    assert error.date is not None
    with pytest.raises(AzurePackError) as raised:
        await tenant.subscribe(ID, "backup")
    assert (raised.value.kind, raised.value.sent) == (ErrorKind.NO_ANSWER, True)
    assert [method for _, method, _ in pack.effects()] == ["POST"]


async def test_a_held_connection_is_no_answer_and_an_error_may_follow_an_effect(pack: Pack) -> None:
    pack.fault("timeout", method="POST")
    pack.fault("errorAfterEffect", method="POST", status=502)
    one = pack.publish_settings().subscriptions[0]
    impatient = Transport(tls=TlsOptions(keys().authority.pem), certificate=one.certificate, timeout=0.3, now=pack.wall)
    held = await refused(TenantClient(one.service_url, impatient, CertificateAuthorization()).subscribe(ID, "backup"))
    await impatient.close()
    assert (held.kind, held.sent, len(pack.effects())) == (ErrorKind.NO_ANSWER, True, 0)
    late = await refused(by_certificate(pack, one).subscribe(ID, "backup"))
    assert (late.kind, late.status, len(pack.effects())) == (ErrorKind.SERVER, 502, 1)


async def test_a_late_effect_lands_later(pack: Pack) -> None:
    pack.fault("lateEffect", method="POST", delay="PT1M")
    with pytest.raises(AzurePackError):
        await by_certificate(pack).subscribe(ID, "backup")
    assert len((await by_certificate(pack).subscription(ID)).add_on_references) == 1
    pack.pass_time(minutes=1)
    for late in pack.platform.due():
        pack.installation.gate.land(late)
    assert len((await by_certificate(pack).subscription(ID)).add_on_references) == 2


async def test_what_it_holds_survives_a_restart(tmp_path: Path) -> None:
    async with running_pack(tmp_path) as first:
        await by_certificate(first).subscribe(ID, "backup")
    async with running_pack(tmp_path) as second:
        assert len((await by_certificate(second).subscription(ID)).add_on_references) == 2


async def test_a_token_is_taken_only_by_a_hybrid_tenant_site() -> None:
    for hybrid in (True, False):
        async with running_pack(hybridTenant=hybrid) as pack:
            headers = {"Authorization": f"Bearer {pack.installation.tokens.issue('admin@northwind.example', TENANT_SITE, 8)}"}
            reply = await pack.transport().request("GET", f"{pack.url(Listener.PUBLIC)}/subscriptions", headers=headers)
            assert reply.status == (200 if hybrid else 401)
