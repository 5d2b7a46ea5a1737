"""TLS contexts of the listeners."""

import ssl
import tempfile
from pathlib import Path

from local.simulation.azure_pack.certificates import Authority, Issued


class _WithAlerts(ssl.SSLObject):
    """A TLS object whose failed handshake sends its alert.

    asyncio closes the connection after a failed handshake without what OpenSSL has written; a real server sends the alert, which names the
    reason. A handshake that failed is reported as waiting for data, so that the alert is sent; then the client closes.
    """

    def do_handshake(self) -> None:
        """Do the handshake; raises `ssl.SSLWantReadError` in place of each other failure."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            raise ssl.SSLWantReadError from None


def server_context(issued: Issued, *, clients: Authority | None = None, required: bool = False) -> ssl.SSLContext:
    """Return the TLS context of a listener; `clients` is the authority whose client certificates it takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _WithAlerts
    serve_with(context, issued)
    if clients is not None:
        context.load_verify_locations(cadata=clients.pem)
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def serve_with(context: ssl.SSLContext, issued: Issued) -> None:
    """Let a context use another certificate from the next handshake on."""
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(issued.pem())
    try:
        context.load_cert_chain(file.name)
    finally:
        Path(file.name).unlink()
