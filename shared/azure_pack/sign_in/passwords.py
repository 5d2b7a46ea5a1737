"""Sign-in with user name and password: the membership site of tenants, and AD FS."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from shared.azure_pack.authorization import Token
from shared.azure_pack.connection import Secret
from shared.azure_pack.sign_in import ws_trust
from shared.azure_pack.transport import Transport, host_of

_MEMBERSHIP: Final = "/wstrust/issue/usernamemixed"
_ADFS: Final = "/adfs/services/trust/13/usernamemixed"


class MembershipSignIn:
    """The tenants' sign-in site (30071), which has a membership database of its own."""

    def __init__(
        self,
        site: str,
        user: str,
        password: Secret,
        transport: Transport,
        now: Callable[[], datetime],
        realm: str = ws_trust.TENANT_SITE,
        *,
        timestamp: bool = True,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        """Take the site's address and the credentials; `timestamp` is inferred (`ws_trust.credentials`)."""
        self._request = _PasswordRequest(site.rstrip("/") + _MEMBERSHIP, user, password, transport, now, realm, timestamp, new_id)

    async def issue(self) -> Token:
        """Sign in; raises `AzurePackError`."""
        return await self._request.issue()


class AdfsSignIn:
    """An AD FS server; `domain` may be None where the user name is a UPN."""

    def __init__(
        self,
        server: str,
        domain: str | None,
        user: str,
        password: Secret,
        transport: Transport,
        now: Callable[[], datetime],
        realm: str = ws_trust.ADMIN_SITE,
        *,
        timestamp: bool = True,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        """Take the server's address and the credentials; `timestamp` is inferred (`ws_trust.credentials`)."""
        self._request = _PasswordRequest(
            server.rstrip("/") + _ADFS, qualified(domain, user), password, transport, now, realm, timestamp, new_id
        )

    async def issue(self) -> Token:
        """Sign in; raises `AzurePackError`."""
        return await self._request.issue()


class _PasswordRequest:
    """One request with user name and password."""

    def __init__(
        self,
        url: str,
        user: str,
        password: Secret,
        transport: Transport,
        now: Callable[[], datetime],
        realm: str,
        timestamp: bool,  # inner, named by its callers
        new_id: Callable[[], UUID],
    ) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._transport = transport
        self._now = now
        self._realm = realm
        self._timestamp = timestamp
        self._new_id = new_id

    async def issue(self) -> Token:
        """Ask for a token."""
        security = ws_trust.credentials(self._user, await self._password(), self._now(), timestamp=self._timestamp)
        body = ws_trust.request(to=self._url, realm=self._realm, message_id=self._new_id(), security=security)
        headers = {"Content-Type": ws_trust.CONTENT_TYPE, "Accept": "application/soap+xml"}
        reply = await self._transport.request("POST", self._url, headers=headers, data=body)
        return ws_trust.token(reply, host_of(self._url))


def qualified(domain: str | None, user: str) -> str:
    """Return `DOMAIN\\user`, or the user name where there is no domain, or it has one already."""
    return user if not domain or "@" in user or "\\" in user else f"{domain}\\{user}"
