"""The provider's own service that makes the sign-ins of customers ("hook"), as docs/design/data-centers.md has it."""

from dataclasses import dataclass
from urllib.parse import quote

from shared.azure_pack.connection import Secret
from shared.azure_pack.errors import AzurePackError, ErrorKind
from shared.azure_pack.transport import Reply, Transport
from shared.values.documents import Document
from shared.values.hidden import Hidden


class Account(Document):
    """A sign-in to make, or whose password to set; the password comes beside it."""

    email: str
    display_name: str
    installation: str
    tenant: str
    data_center: str


@dataclass(frozen=True, slots=True)
class AccountsHook:
    """Calls the hook; `token` fetches its bearer token."""

    url: str
    token: Secret
    transport: Transport

    async def put(self, user: str, account: Account, password: Hidden) -> None:
        """Make a sign-in, or set its password: the same call again changes nothing. Raises `AzurePackError`."""
        body = account.as_json() | {"password": password.reveal()}
        _require(await self._call("PUT", user, body), 200, 201)

    async def exists(self, user: str) -> bool:
        """Return whether a sign-in is there; raises `AzurePackError`."""
        return _require(await self._call("GET", user, None), 200, 404).status == 200

    async def delete(self, user: str) -> None:
        """Delete a sign-in; one that is gone is deleted. Raises `AzurePackError`."""
        _require(await self._call("DELETE", user, None), 200, 204, 404)

    async def _call(self, method: str, user: str, body: object) -> Reply:
        headers = {"Authorization": f"Bearer {await self.token()}", "Accept": "application/json"}
        url = f"{self.url.rstrip('/')}/accounts/{quote(user, safe='@')}"
        return await self.transport.request(method, url, headers=headers, json=body)


def _require(reply: Reply, *good: int) -> Reply:
    """Return an answer of a good status; nothing of another's body is repeated."""
    if reply.status in good:
        return reply
    message = f"The accounts service answered {reply.status}."
    if reply.status in {401, 403}:
        raise AzurePackError(ErrorKind.SIGN_IN, "AccountsService", f"{message} Check accounts.token.", status=reply.status)
    if reply.status in {429, 503} and (after := reply.headers.get("Retry-After", "")).isdigit():
        raise AzurePackError(ErrorKind.THROTTLED, "AccountsService", message, status=reply.status, retry_after=float(after))
    kind = ErrorKind.SERVER if reply.status >= 500 else ErrorKind.INVALID
    raise AzurePackError(kind, "AccountsService", message, status=reply.status)
