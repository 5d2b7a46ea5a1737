"""The transport over real TLS: each failure has its own cause, and nothing is sent twice."""

import asyncio
import pickle
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from local.simulation.azure_pack.tls import serve_with, server_context
from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.connection import Proxy, TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.transport import Transport
from tests.azure_pack.support import (
    NOW,
    authority,
    client_certificate,
    files_left,
    now,
    proxying,
    server_certificate,
    serving,
)

TRUSTING = TlsOptions(ca_bundle=authority().pem)


@asynccontextmanager
async def transport(
    tls: TlsOptions = TRUSTING, *, proxy: Proxy | None = None, certificate: ClientCertificate | None = None, timeout: float = 5.0
) -> AsyncIterator[Transport]:
    made = Transport(tls=tls, proxy=proxy, certificate=certificate, timeout=timeout, now=now)
    try:
        yield made
    finally:
        await made.close()


async def hello(_: web.Request) -> web.Response:
    return web.json_response({"hello": "there"})


async def failure(made: Transport, url: str, method: str = "GET") -> AzurePackError:
    with pytest.raises(AzurePackError) as raised:
        await made.request(method, url, headers={})
    return raised.value


async def test_a_server_of_a_private_authority_answers() -> None:
    async with serving(hello) as server, transport() as made:
        reply = await made.request("GET", f"{server.url}/x", headers={})
    assert (reply.status, reply.content_type, reply.body) == (200, "application/json", b'{"hello": "there"}')


async def test_an_unknown_authority_is_untrusted() -> None:
    async with serving(hello) as server, transport(TlsOptions()) as made:
        error = await failure(made, server.url)
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.TLS_UNTRUSTED, False)
    assert "tls.caBundle" in error.message


async def test_another_host_name_is_refused_and_names_the_certificate_s() -> None:
    issued = authority().server(["pack.local", "other.local"], NOW)
    async with serving(hello, server_context(issued)) as server, transport() as made:
        error = await failure(made, server.url)
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.TLS_HOST_NAME, False)
    assert "pack.local, other.local" in error.message
    async with serving(hello, server_context(issued)) as server, transport(TlsOptions(authority().pem, server_name="pack.local")) as made:
        assert (await made.request("GET", server.url, headers={})).status == 200


async def test_a_certificate_without_key_identifiers_is_good() -> None:
    issued = authority().server(["localhost"], NOW, identifiers=False)
    async with serving(hello, server_context(issued)) as server, transport() as made:
        assert (await made.request("GET", server.url, headers={})).status == 200


async def test_a_certificate_without_alternative_names_is_refused_and_the_message_gives_the_reason() -> None:
    issued = authority().server(["localhost"], NOW, alternative_names=False)
    async with serving(hello, server_context(issued)) as server, transport() as made:
        error = await failure(made, server.url)
    assert error.cause is Cause.TLS_HOST_NAME
    assert "subjectAltName" in error.message


async def test_an_expired_server_is_refused_with_the_date() -> None:
    issued = authority().server(["localhost"], NOW, lifetime=timedelta(days=-3))
    async with serving(hello, server_context(issued)) as server, transport() as made:
        error = await failure(made, server.url)
    assert (error.cause, error.sent) == (Cause.TLS_EXPIRED, False)
    assert f"{NOW - timedelta(days=3):%Y-%m-%d}" in error.message


def old_server(*, key_bits: int, ciphers: str) -> ssl.SSLContext:
    context = server_context(server_certificate())
    context.set_ciphers(ciphers)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    serve_with(context, authority().server(["localhost"], NOW, key_bits=key_bits))
    return context


@pytest.mark.parametrize(
    ("key_bits", "ciphers"),
    [(1024, "@SECLEVEL=1:ECDHE+AESGCM"), (2048, "@SECLEVEL=1:AES128-SHA")],
    ids=["short key", "old cipher"],
)
async def test_an_old_server_is_refused_at_level_two_and_answers_at_level_one(key_bits: int, ciphers: str) -> None:
    async with serving(hello, old_server(key_bits=key_bits, ciphers=ciphers)) as server:
        async with transport() as made:
            error = await failure(made, server.url)
        async with transport(TlsOptions(authority().pem, security_level=1)) as made:
            assert (await made.request("GET", server.url, headers={})).status == 200
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.TLS_PROTOCOL, False)
    assert "tls.securityLevel" in error.message


async def test_an_address_without_a_server_and_a_name_without_address() -> None:
    with socket.socket() as bound:  # and not listening, so that no other process can have the port
        bound.bind(("127.0.0.1", 0))
        async with transport(timeout=30) as made:
            refused = await failure(made, f"https://127.0.0.1:{bound.getsockname()[1]}/")
            unknown = await failure(made, "https://nowhere.invalid/")
    assert (refused.kind, refused.cause, refused.sent) == (ErrorKind.UNREACHABLE, Cause.CONNECTION, False)
    assert (unknown.kind, unknown.cause, unknown.sent) == (ErrorKind.UNREACHABLE, Cause.NAME, False)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_whose_idle_connection_was_closed_is_never_sent_twice(method: str) -> None:
    received: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        received.append(request.method)
        if len(received) > 1 and request.transport is not None:
            request.transport.abort()
        return web.Response()

    async with serving(handler) as server, transport() as made:
        await made.request("GET", server.url, headers={})
        error = await failure(made, server.url, method)
    assert received == ["GET", method]
    assert (error.kind, error.sent) == (ErrorKind.NO_ANSWER, True)


async def test_an_answer_that_does_not_come_in_time_is_no_answer() -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(3)
        return web.Response()

    async with serving(handler) as server, transport(timeout=0.3) as made:
        error = await failure(made, server.url)
    assert (error.kind, error.sent, error.cause) == (ErrorKind.NO_ANSWER, True, None)


async def test_a_redirect_is_not_followed() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://elsewhere.invalid/"})

    async with serving(handler) as server, transport() as made:
        assert (await made.request("GET", server.url, headers={})).status == 302


async def test_as_many_requests_are_in_flight_as_allowed() -> None:
    at_once, most = 0, 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return web.Response()

    made = Transport(tls=TRUSTING, in_flight=3, now=now)
    async with serving(handler) as server:
        await asyncio.gather(*(made.request("GET", server.url, headers={}) for _ in range(12)))
        await made.close()
    assert most == 3


async def test_names_and_values_of_a_query_arrive_as_they_were_given() -> None:
    queries: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        queries.append(request.rel_url.raw_query_string)
        return web.json_response(dict(request.query))

    params = {"$filter": "Name eq 'O''Neil & Söhne+1'", "force": "True"}
    async with serving(handler) as server, transport() as made:
        reply = await made.request("GET", server.url, headers={}, params=params)
    assert "+" not in queries[0]
    assert "%20" in queries[0]
    assert reply.body.decode() == '{"$filter": "Name eq \'O\'\'Neil & S\\u00f6hne+1\'", "force": "True"}'


# client certificates


async def test_a_client_certificate_is_sent_and_leaves_no_file() -> None:
    seen: list[bool] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(bool(request.transport.get_extra_info("peercert")))
        return web.Response()

    issued = authority("clients").client("customer", NOW)
    context = server_context(server_certificate(), clients=authority("clients"), required=True)
    async with serving(handler, context) as server, transport(certificate=client_certificate(issued)) as made:
        await made.request("GET", server.url, headers={})
    assert seen == [True]
    assert files_left() == []


@pytest.mark.parametrize("lifetime", [timedelta(days=-1), timedelta(days=30)])
async def test_a_client_certificate_outside_of_its_validity_sends_nothing(lifetime: timedelta) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    certificate = client_certificate(authority("clients").client("customer", NOW, lifetime=lifetime))
    moment = now() if lifetime < timedelta(0) else NOW - timedelta(days=90)  # ended, or valid only later
    async with serving(handler) as server:
        made = Transport(tls=TRUSTING, certificate=certificate, now=lambda: moment)
        error = await failure(made, server.url)
        await made.close()
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.CLIENT_CERTIFICATE_EXPIRED, False)
    assert asked == []


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_refuses_the_client_certificate_is_named_with_its_thumbprint(newest: ssl.TLSVersion) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    context = server_context(server_certificate(), clients=authority("clients"), required=True)
    context.maximum_version = newest
    certificate = client_certificate(authority("other").client("stranger", NOW))
    async with serving(handler, context) as server, transport(certificate=certificate) as made:
        error = await failure(made, server.url, "DELETE")
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.CLIENT_CERTIFICATE_REJECTED, False)
    assert certificate.thumbprint in error.message
    assert asked == []


def test_a_client_certificate_cannot_be_printed_or_pickled() -> None:
    certificate = client_certificate(authority("clients").client("customer", NOW))
    assert repr(certificate) == f"ClientCertificate({certificate.thumbprint})"
    with pytest.raises(TypeError):
        pickle.dumps(certificate)


# proxies


async def test_a_proxy_is_used_and_the_server_is_still_verified() -> None:
    async with serving(hello) as server, proxying() as url:
        async with transport(proxy=Proxy(url)) as made:
            assert (await made.request("GET", server.url, headers={})).status == 200
        async with transport(TlsOptions(), proxy=Proxy(url)) as made:
            error = await failure(made, server.url)
    assert error.cause is Cause.TLS_UNTRUSTED


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses_is_its_own_cause(status: int) -> None:
    async def password() -> str:
        return "hush"

    async with serving(hello) as server, proxying(status=status) as url, transport(proxy=Proxy(url, "me", password)) as made:
        error = await failure(made, server.url)
    assert (error.kind, error.cause, error.sent) == (ErrorKind.UNREACHABLE, Cause.PROXY, False)
    assert str(status) in error.message
    assert "hush" not in error.message


async def test_the_environment_s_proxy_is_used_unless_the_host_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(hello) as server:
        async with transport() as made:
            assert (await failure(made, server.url)).cause is Cause.PROXY
        monkeypatch.setenv("NO_PROXY", "localhost")
        async with transport() as made:
            assert (await made.request("GET", server.url, headers={})).status == 200
