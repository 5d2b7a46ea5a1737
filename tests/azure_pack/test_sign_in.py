"""Sign-in over real TLS: membership, AD FS, NTLM with channel binding, and the cache that keeps a directory from locking accounts."""

import asyncio
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from local.simulation.azure_pack.request import Listener, PackAnswer, PackRequest
from local.simulation.azure_pack.sample import OWNER, SUBSCRIPTION
from local.simulation.azure_pack.sites import Sites
from local.simulation.azure_pack.state import AzurePackState
from shared.azure_pack.authorization import SignIn, Token, TokenCache
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.sign_in.passwords import MembershipSignIn
from shared.azure_pack.sign_in.windows import WindowsSignIn
from shared.azure_pack.sign_in.ws_trust import ADMIN_SITE, TENANT_SITE
from shared.azure_pack.transport import Transport
from shared.values.hidden import Hidden
from tests.azure_pack.clients import adfs, by_token, membership, secret, windows
from tests.azure_pack.pack import Pack, running_pack
from tests.azure_pack.support import authority, now, serving

ID = UUID(SUBSCRIPTION)


SIGN_INS: dict[str, Callable[..., SignIn]] = {"membership": membership, "windows": windows, "adfs": adfs}


async def refusal(sign_in: SignIn) -> AzurePackError:
    with pytest.raises(AzurePackError) as raised:
        await sign_in.issue()
    return raised.value


def sign_ins(pack: Pack) -> int:
    """How many requests the tenants' sign-in site has had."""
    return sum(each["count"] for each in pack.platform.requests.as_json() if each["operation"] == "azurePack.signIn")


@pytest.mark.parametrize("name", SIGN_INS)
async def test_a_sign_in_gives_a_token_with_its_end(pack: Pack, name: str) -> None:
    token = await SIGN_INS[name](pack).issue()
    realm = TENANT_SITE if name == "membership" else ADMIN_SITE
    assert pack.installation.tokens.user(f"Bearer {token.value.reveal()}", realm) is not None
    assert timedelta(hours=7, minutes=59) < token.expires_at - now() <= timedelta(hours=8)


@pytest.mark.parametrize("name", SIGN_INS)
async def test_a_wrong_password_is_refused_and_not_shown(pack: Pack, name: str) -> None:
    error = await refusal(SIGN_INS[name](pack, password="a&b<wrong>"))
    assert (error.kind, error.cause, error.code, error.sent) == (ErrorKind.SIGN_IN, Cause.CREDENTIALS, "Credentials", False)
    assert "wrong" not in error.message


async def test_an_unknown_user_is_refused_by_ntlm(pack: Pack) -> None:
    assert (await refusal(windows(pack, user="nobody"))).cause is Cause.CREDENTIALS


async def test_the_reason_of_a_soap_fault_is_in_the_message(pack: Pack) -> None:
    wrong = await refusal(membership(pack, password="wrong"))
    assert "ID3242" in wrong.message
    assert [each.code for each in wrong.details] == ["FailedAuthentication"]
    assert "ID3082" in (await refusal(adfs(pack, realm="http://azureservices/Other"))).message


@pytest.mark.parametrize("password", ['it\'s <&> "quoted"', "ünïcødé 漢字", " spaces ", "x" * 127])
async def test_a_password_of_any_characters_arrives(password: str) -> None:
    accounts = [{"name": OWNER, "password": password.strip(), "site": "tenant"}]
    async with running_pack(accounts=accounts) as pack:
        await membership(pack, password=password.strip()).issue()


async def test_a_password_that_xml_cannot_hold_is_refused_before_it_is_sent(pack: Pack) -> None:
    error = await refusal(membership(pack, password="a\x00b"))
    assert (error.cause, sign_ins(pack)) == (Cause.CREDENTIALS, 0)


async def test_the_timestamp_is_a_setting_and_an_old_one_is_refused(pack: Pack) -> None:
    await membership(pack, timestamp=False).issue()
    late = MembershipSignIn(pack.url(Listener.SIGN_IN), OWNER, secret(), pack.transport(), lambda: now() - timedelta(hours=1))
    assert (await refusal(late)).cause is Cause.CREDENTIALS


async def test_a_binding_to_another_certificate_is_refused(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Sites.answer

    def through_a_relay(sites: Sites, request: PackRequest, state: AzurePackState, wall: datetime) -> PackAnswer:
        return answer(sites, replace(request, server_hash=b"of another server"), state, wall)

    monkeypatch.setattr(Sites, "answer", through_a_relay)
    assert (await refusal(windows(pack))).cause is Cause.CREDENTIALS


async def test_a_site_that_offers_only_negotiate_is_signed_in_to(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Sites.answer

    def only_negotiate(sites: Sites, request: PackRequest, state: AzurePackState, wall: datetime) -> PackAnswer:
        made = answer(sites, request, state, wall)
        return replace(made, authenticate=tuple(each for each in made.authenticate if each != "NTLM"))

    monkeypatch.setattr(Sites, "answer", only_negotiate)
    await windows(pack).issue()


async def test_a_site_that_offers_neither_is_named() -> None:
    async def basic(_: web.Request) -> web.Response:
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})

    async with serving(basic) as server:
        transport = Transport(tls=TlsOptions(authority().pem), now=now)
        error = await refusal(WindowsSignIn(server.url, None, "me@pack.local", secret(), transport, now))
        await transport.close()
    assert error.cause is Cause.CREDENTIALS
    assert "NTLM" in error.message


@pytest.mark.parametrize("name", SIGN_INS)
@pytest.mark.parametrize("status", [302, 200])
async def test_a_login_page_in_place_of_a_token_is_not_signed_in(pack: Pack, name: str, status: int) -> None:
    pack.fault("loginPage", status=status)
    error = await refusal(SIGN_INS[name](pack))
    assert (error.kind, error.cause) == (ErrorKind.SIGN_IN, Cause.LOGIN_PAGE)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<a/>",
        "<a><RequestedSecurityToken>%%%</RequestedSecurityToken></a>",
        "<a><RequestedSecurityToken>YWJj</RequestedSecurityToken></a>",
        "<a><RequestedSecurityToken>YS5iLmM=</RequestedSecurityToken></a>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
)
async def test_an_answer_without_a_token_is_unreadable(body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/soap+xml")

    async with serving(answer) as server:
        transport = Transport(tls=TlsOptions(authority().pem), now=now)
        error = await refusal(MembershipSignIn(server.url, "me", secret(), transport, now))
        await transport.close()
    assert error.kind is ErrorKind.UNREADABLE


@pytest.mark.parametrize("value", [Hidden("hush"), "hush"])
def test_a_token_cannot_be_printed_or_pickled(value: Any) -> None:
    token = Token(value, now())
    assert "hush" not in f"{token} {token!r} {token.value}"
    assert token.value.reveal() == "hush"
    with pytest.raises(TypeError):
        pickle.dumps(token)


# calls with a token


async def test_a_token_reaches_the_tenant_api_and_the_public_api(pack: Pack) -> None:
    cache = TokenCache(membership(pack), pack.wall)
    for url in (pack.url(Listener.TENANT), pack.url(Listener.PUBLIC)):
        assert (await by_token(pack, cache, url).subscription(ID)).name == "Northwind"
    assert sign_ins(pack) == 1


async def test_a_hundred_calls_at_once_on_an_expired_token_are_one_sign_in(pack: Pack) -> None:
    cache = TokenCache(membership(pack), pack.wall)
    client = by_token(pack, cache)
    await client.subscription(ID)
    pack.wall.offset = timedelta(hours=9)
    found = await asyncio.gather(*(client.subscription(ID) for _ in range(100)))
    assert {each.id for each in found} == {ID}
    assert sign_ins(pack) == 2


async def test_a_hundred_calls_at_once_on_a_refused_token_are_one_sign_in(pack: Pack) -> None:
    cache = TokenCache(membership(pack), pack.wall)
    client = by_token(pack, cache)
    await client.subscription(ID)
    pack.fault("tokenRefused", times=100)
    found = await asyncio.gather(*(client.subscription(ID) for _ in range(100)))
    assert {each.id for each in found} == {ID}
    assert sign_ins(pack) == 2


async def test_a_token_that_is_refused_twice_is_an_error_of_its_own(pack: Pack) -> None:
    cache = TokenCache(membership(pack), pack.wall)
    pack.fault("tokenRefused", times=2)
    with pytest.raises(AzurePackError) as raised:
        await by_token(pack, cache).subscription(ID)
    error = raised.value
    assert (error.kind, error.cause, error.code, error.status) == (ErrorKind.SIGN_IN, Cause.TOKEN_REFUSED, "TokenRefused", 401)
    assert "HybridTenant" in error.message
    assert sign_ins(pack) == 2


async def test_a_token_of_the_other_site_is_refused(pack: Pack) -> None:
    with pytest.raises(AzurePackError) as raised:
        await by_token(pack, TokenCache(windows(pack), pack.wall)).subscription(ID)
    assert raised.value.cause is Cause.TOKEN_REFUSED


async def test_a_path_that_is_not_there_is_forbidden_with_the_path(pack: Pack) -> None:
    client = by_token(pack, TokenCache(membership(pack), pack.wall), pack.url(Listener.TENANT) + "/elsewhere")
    with pytest.raises(AzurePackError) as raised:
        await client.subscription(ID)
    assert (raised.value.kind, raised.value.cause, raised.value.code) == (ErrorKind.FORBIDDEN, Cause.PATH, "Path")
    assert f"/subscriptions/{ID}" in raised.value.message


@pytest.mark.parametrize(("lasts", "tries"), [(timedelta(minutes=1), 2), (timedelta(minutes=15), 1)])
async def test_refused_credentials_are_not_tried_again_for_a_while(pack: Pack, lasts: timedelta, tries: int) -> None:
    cache = TokenCache(membership(pack, password="wrong"), pack.wall, refused_for=lasts)
    client = by_token(pack, cache)
    refusals = await asyncio.gather(*(client.subscription(ID) for _ in range(100)), return_exceptions=True)
    assert {(each.cause, each.sent) for each in refusals if isinstance(each, AzurePackError)} == {(Cause.CREDENTIALS, False)}
    assert len(refusals) == 100
    assert sign_ins(pack) == 1
    pack.wall.offset = timedelta(minutes=14)
    await asyncio.gather(client.subscription(ID), return_exceptions=True)
    assert sign_ins(pack) == tries
    pack.wall.offset = timedelta(minutes=16)
    await asyncio.gather(client.subscription(ID), return_exceptions=True)
    assert sign_ins(pack) == tries + 1


async def test_a_sign_in_site_that_does_not_answer_leaves_the_call_unsent(pack: Pack) -> None:
    pack.fault("lostResponse", service="azurePack.signIn")
    pack.fault("error", service="azurePack.signIn", status=503)
    client = by_token(pack, TokenCache(membership(pack), pack.wall))
    for _ in range(2):
        with pytest.raises(AzurePackError) as raised:
            await client.subscribe(ID, "backup")
        assert (raised.value.kind, raised.value.sent) == (ErrorKind.UNREACHABLE, False)
    assert pack.effects() == []
    await client.subscribe(ID, "backup")  # nothing of the failure is kept


async def test_a_caller_that_gives_up_does_not_end_the_sign_in_of_the_rest() -> None:
    released = asyncio.Event()
    issued: list[int] = []

    class Slow:
        """A sign-in that waits."""

        async def issue(self) -> Token:
            issued.append(1)
            await released.wait()
            return Token(Hidden("token"), now() + timedelta(hours=1))

    cache = TokenCache(Slow(), now)
    first, second = asyncio.create_task(cache.get()), asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    released.set()
    assert (await second).value.reveal() == "token"
    assert len(issued) == 1


async def test_the_sign_in_site_is_verified_too(pack: Pack) -> None:
    transport = pack.transport(tls=TlsOptions())
    error = await refusal(WindowsSignIn(pack.url(Listener.WINDOWS_SIGN_IN), "PACK", "farshore", secret(), transport, pack.wall))
    assert (error.cause, error.sent) == (Cause.TLS_UNTRUSTED, False)
