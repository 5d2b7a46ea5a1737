"""The library's clients and sign-ins of a running installation."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import OWNER, PASSWORD
from shared.azure_pack.admin.client import AdminClient
from shared.azure_pack.authorization import BearerAuthorization, CertificateAuthorization, TokenCache
from shared.azure_pack.errors import AzurePackError
from shared.azure_pack.publish_settings import PublishedSubscription
from shared.azure_pack.sign_in.passwords import AdfsSignIn, MembershipSignIn
from shared.azure_pack.sign_in.windows import WindowsSignIn
from shared.azure_pack.sign_in.ws_trust import ADMIN_SITE
from shared.azure_pack.tenant import TenantClient
from tests.azure_pack.pack import Pack


def secret(text: str = PASSWORD) -> Callable[[], Awaitable[str]]:
    """A secret that is fetched each time."""

    async def fetch() -> str:
        return text

    return fetch


def membership(pack: Pack, user: str = OWNER, password: str = PASSWORD, *, timestamp: bool = True) -> MembershipSignIn:
    """The tenants' sign-in site."""
    return MembershipSignIn(pack.url(Listener.SIGN_IN), user, secret(password), pack.transport(), pack.wall, timestamp=timestamp)


def windows(pack: Pack, user: str = "farshore", password: str = PASSWORD, domain: str | None = "PACK") -> WindowsSignIn:
    """The administrators' sign-in site."""
    return WindowsSignIn(pack.url(Listener.WINDOWS_SIGN_IN), domain, user, secret(password), pack.transport(), pack.wall)


def adfs(pack: Pack, user: str = "farshore", password: str = PASSWORD, realm: str = ADMIN_SITE) -> AdfsSignIn:
    """The AD FS server."""
    return AdfsSignIn(pack.url(Listener.ADFS), "PACK", user, secret(password), pack.transport(), pack.wall, realm)


def by_certificate(pack: Pack, published: PublishedSubscription | None = None, **options: Any) -> TenantClient:
    """A client of the tenant public API with a published subscription's certificate, by default of a new file."""
    one = published or pack.publish_settings().subscriptions[0]
    return TenantClient(one.service_url, pack.transport(one.certificate, **options), CertificateAuthorization())


def by_token(pack: Pack, cache: TokenCache | None = None, url: str | None = None) -> TenantClient:
    """A client of the tenant API with a token."""
    authorization = BearerAuthorization(cache or TokenCache(membership(pack), pack.wall), OWNER)
    return TenantClient(url or pack.url(Listener.TENANT), pack.transport(), authorization)


def administrator(pack: Pack) -> AdminClient:
    """A client of the administrator's API."""
    authorization = BearerAuthorization(TokenCache(windows(pack), pack.wall), "PACK\\farshore")
    return AdminClient(pack.url(Listener.ADMIN), pack.transport(), authorization)


async def refused(call: Coroutine[Any, Any, object]) -> AzurePackError:
    """Return the error that a call ends with."""
    with pytest.raises(AzurePackError) as raised:
        await call
    return raised.value
