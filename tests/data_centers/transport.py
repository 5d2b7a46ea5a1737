"""A transport of the library that hands requests to the simulated installation, in place of a TLS connection."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from local.simulation.arm.outcome import Ending
from local.simulation.azure_pack.installation import Installation
from local.simulation.azure_pack.request import Listener, PackAnswer, PackRequest
from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.connection import CallLimit
from shared.azure_pack.errors import AzurePackError, ErrorKind
from shared.azure_pack.transport import Reply as PackReply

PORTS = {30004 + number: listener for number, listener in enumerate(Listener)}
HOST = "https://pack.local"


class MemoryTransport:
    """Hands requests to the simulation's gate; a connection that is closed or held is one without an answer.

    `most` is how many requests were in flight at once, by the limit that their transports share.
    """

    pack: Installation
    sent: list[tuple[str, str]]
    most: dict[CallLimit, int]

    def __init__(self, *, certificate: ClientCertificate | None = None, in_flight: CallLimit, **_: object) -> None:
        """Take the options of a transport, of which the client certificate and the limit matter here."""
        self.certificate = certificate
        self._calls = in_flight
        self.is_closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json: object = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> PackReply:
        """Send a request."""
        parts = urlsplit(url)
        thumbprint = self.certificate.thumbprint if self.certificate is not None else None
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(params or {})
        body = data if data is not None else b"" if json is None else as_text(json)
        request = PackRequest(
            PORTS[parts.port or 0], method, unquote(parts.path), parts.path, query,
            {name.lower(): value for name, value in headers.items()}, body, f"{HOST}:{parts.port}", thumbprint,
        )  # fmt: skip
        async with self._calls:
            self.sent.append((method, f"{url.partition('?')[0]}?{urlencode(query)}"))
            self.most[self._calls] = max(self.most.get(self._calls, 0), self._calls.in_flight)
            await asyncio.sleep(0)
            outcome = self.pack.gate.receive(request)
            await asyncio.sleep(0)
        if outcome.ending is not Ending.ANSWER:
            raise AzurePackError(ErrorKind.NO_ANSWER, "Connection", "The connection was closed before there was an answer.")
        return _reply(outcome.answer)

    async def close(self) -> None:
        """Note that the connections are closed."""
        self.is_closed = True


def as_text(body: object) -> bytes:
    return json.dumps(body).encode()


def _reply(given: PackAnswer) -> PackReply:
    headers = CIMultiDictProxy(CIMultiDict(given.headers))
    if given.body is not None:
        return PackReply(given.status, headers, "application/json", as_text(given.body))
    return PackReply(given.status, headers, given.content_type.partition(";")[0], (given.text or "").encode())
