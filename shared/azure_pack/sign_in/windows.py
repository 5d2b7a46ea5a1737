"""Sign-in of administrators at the Windows site: NTLM or Negotiate on one connection, bound to its TLS channel."""

import asyncio
import binascii
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from shared.azure_pack.authorization import Token
from shared.azure_pack.connection import Secret
from shared.azure_pack.errors import Cause, unreachable
from shared.azure_pack.sign_in import ws_trust
from shared.azure_pack.sign_in.passwords import qualified
from shared.azure_pack.transport import Reply, Transport, host_of

if TYPE_CHECKING:
    from spnego import ContextProxy

_PATH: Final = "/wstrust/issue/windowstransport"
_SCHEMES: Final = {"ntlm": "NTLM", "negotiate": "Negotiate"}
_MOST_LEGS: Final = 4


class WindowsSignIn:
    """The administrators' sign-in site (30072). NTLM where the site offers it, else Negotiate; without Kerberos that is NTLM too."""

    def __init__(
        self,
        site: str,
        domain: str | None,
        user: str,
        password: Secret,
        transport: Transport,
        now: Callable[[], datetime],
        realm: str = ws_trust.ADMIN_SITE,
        *,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        """Take the site's address and the credentials; `domain` may be None where the user name is a UPN."""
        self._url = site.rstrip("/") + _PATH
        self._user = qualified(domain, user)
        self._password = password
        self._transport = transport
        self._now = now
        self._realm = realm
        self._new_id = new_id

    async def issue(self) -> Token:
        """Sign in; raises `AzurePackError`."""
        connections: list[ssl.SSLObject] = []
        transport = self._transport.alone(_remembering(connections))
        try:
            return await self._sign_in(transport, connections)
        finally:
            await transport.close()

    async def _sign_in(self, transport: Transport, connections: list[ssl.SSLObject]) -> Token:
        host = host_of(self._url)
        reply = await self._send(transport, None)
        if reply.status != 401:
            return ws_trust.token(reply, host)
        scheme = _offered(reply)
        if scheme is None:
            raise ws_trust.refused(f"{host} offers neither NTLM nor Negotiate. Check the address of the Windows sign-in site.")
        context = self._context(scheme, connections[-1], await self._password())
        challenge: bytes | None = None
        for _ in range(_MOST_LEGS):
            answer = await _step(context, challenge, host)
            before = len(connections)
            reply = await self._send(transport, f"{_SCHEMES[scheme]} {b64encode(answer).decode()}")
            if len(connections) != before:
                raise unreachable(Cause.CONNECTION, f"{host} closed the connection during the sign-in, which belongs to its connection.")
            challenge = _challenge(reply, scheme)
            if reply.status != 401 or challenge is None:
                break
        if reply.status == 401:
            raise ws_trust.refused(f"{host} refused the sign-in of {self._user}. Check user name, domain and password.", status=401)
        return ws_trust.token(reply, host)

    async def _send(self, transport: Transport, authorization: str | None) -> Reply:
        body = ws_trust.request(to=self._url, realm=self._realm, message_id=self._new_id())
        headers = {"Content-Type": ws_trust.CONTENT_TYPE, "Accept": "application/soap+xml"}
        if authorization is not None:
            headers["Authorization"] = authorization
        return await transport.request("POST", self._url, headers=headers, data=body)

    def _context(self, scheme: str, connection: ssl.SSLObject, password: str) -> "ContextProxy":
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + _end_point(connection.getpeercert(binary_form=True)))
        return spnego.client(self._user, password, hostname=host_of(self._url), service="HTTP", protocol=scheme, channel_bindings=bindings)


def _remembering(connections: list[ssl.SSLObject]) -> type[ssl.SSLObject]:
    """Return a class of TLS objects that are added to a list once their handshake is done."""

    class Remembered(ssl.SSLObject):
        """A TLS object that can be asked for the server's certificate later."""

        def do_handshake(self) -> None:
            """Do the handshake, and remember the connection."""
            super().do_handshake()
            connections.append(self)

    return Remembered


def _end_point(certificate: bytes | None) -> bytes:
    """Return the hash of a certificate for `tls-server-end-point` (RFC 5929): by its own algorithm, SHA-256 for MD5 and SHA-1."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes

    if certificate is None:
        raise unreachable(Cause.CONNECTION, "The connection has no certificate to bind the sign-in to.")
    read = x509.load_der_x509_certificate(certificate)
    try:
        algorithm = read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    return read.fingerprint(algorithm)


async def _step(context: "ContextProxy", challenge: bytes | None, host: str) -> bytes:
    from spnego.exceptions import SpnegoError

    try:
        answer = await asyncio.to_thread(context.step, challenge)
    except (SpnegoError, ValueError) as problem:
        raise ws_trust.refused(f"The sign-in at {host} cannot go on: {type(problem).__name__}.") from None
    if answer is None:
        raise ws_trust.refused(f"{host} refused the sign-in: it asks again after the last step.")
    return answer


def _offered(reply: Reply) -> str | None:
    values = [value.split(" ")[0].split(",")[0].lower() for value in reply.headers.getall("WWW-Authenticate", [])]
    return next((scheme for scheme in _SCHEMES if scheme in values), None)


def _challenge(reply: Reply, scheme: str) -> bytes | None:
    for value in reply.headers.getall("WWW-Authenticate", []):
        name, _, text = value.partition(" ")
        if name.lower() == scheme and text.strip():
            try:
                return b64decode(text.strip(), validate=True)
            except (binascii.Error, ValueError):
                return None
    return None
