"""The sign-in sites: WS-Trust with user name and password, and with NTLM on the connection."""

import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from local.simulation.azure_pack.request import Listener, PackAnswer, PackRequest, Refusal
from local.simulation.azure_pack.state import AzurePackState
from local.simulation.azure_pack.tokens import ADMIN_SITE, TENANT_SITE, Tokens
from local.simulation.times import from_text, to_text

if TYPE_CHECKING:
    from spnego import ContextProxy

SITES = frozenset({Listener.SIGN_IN, Listener.WINDOWS_SIGN_IN, Listener.ADFS})
_PATHS = {
    Listener.SIGN_IN: "/wstrust/issue/usernamemixed",
    Listener.WINDOWS_SIGN_IN: "/wstrust/issue/windowstransport",
    Listener.ADFS: "/adfs/services/trust/13/usernamemixed",
}
_REALMS = {
    Listener.SIGN_IN: (TENANT_SITE,),
    Listener.WINDOWS_SIGN_IN: (ADMIN_SITE,),
    Listener.ADFS: (ADMIN_SITE, TENANT_SITE),
}
_TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_SKEW = timedelta(minutes=5)


class SoapFault(Exception):  # noqa: N818  # an answer, not a defect
    """A sign-in that the site refuses."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sites:
    """Answers the sign-in sites. NTLM belongs to its connection, as IIS keeps it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._contexts: WeakKeyDictionary[object, ContextProxy] = WeakKeyDictionary()
        self._signed_in: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    def answer(self, request: PackRequest, state: AzurePackState, wall: datetime) -> PackAnswer:
        """Answer a request; raises `Refusal` for another path or method."""
        if request.path.rstrip("/").lower() != _PATHS[request.listener]:
            raise Refusal(403, None, "Forbidden: Access is denied.")
        if request.method != "POST":
            raise Refusal(405, None, "Method Not Allowed")
        if request.listener is Listener.WINDOWS_SIGN_IN:
            user = self._signed_in.get(request.connection) if request.connection is not None else None
            if user is None:
                challenge = self._negotiate(request, state)
                if challenge is not None:
                    return challenge
        try:
            return self._issue(request, state, wall)
        except SoapFault as fault:
            return PackAnswer(500, text=_fault(fault), content_type="application/soap+xml; charset=utf-8")

    # NTLM

    def _negotiate(self, request: PackRequest, state: AzurePackState) -> PackAnswer | None:
        """Take one leg of the sign-in; returns None once the connection is signed in."""
        import spnego
        from spnego.channel_bindings import GssChannelBindings
        from spnego.exceptions import SpnegoError

        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("ntlm", "negotiate") or not text or request.connection is None:
            return _unauthorized()
        context = self._contexts.get(request.connection)
        with _user_file(state):
            try:
                if context is None:
                    bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + request.server_hash)
                    context = spnego.server(protocol=scheme.lower(), channel_bindings=bindings)
                    self._contexts[request.connection] = context
                token = context.step(b64decode(text))
            except (SpnegoError, ValueError):
                self._contexts.pop(request.connection, None)
                return _unauthorized()
        if context.complete:
            self._contexts.pop(request.connection, None)
            self._signed_in[request.connection] = str(context.client_principal)
            return None
        return _unauthorized(f"{scheme} {b64encode(token or b'').decode()}")

    # WS-Trust

    def _issue(self, request: PackRequest, state: AzurePackState, wall: datetime) -> PackAnswer:
        try:
            root = ElementTree.fromstring(request.body)  # noqa: S314  # a test's own, on one machine
        except ElementTree.ParseError:
            raise SoapFault("BadRequest", "The message is not XML.") from None
        asked = _find(root, "RequestSecurityToken")
        if asked is None or _text(asked, "RequestType") != f"{_TRUST}/Issue" or _text(asked, "TokenType") not in (None, _JWT):
            raise SoapFault("InvalidRequest", "The request was invalid or malformed.")
        realm = _text(asked, "Address")
        if realm not in _REALMS[request.listener]:
            raise SoapFault("InvalidScope", f"ID3082: The request scope is not valid or is unsupported: '{realm}'.")
        user = self._user(request, root, state, wall)
        token = self._tokens.issue(user, realm, float(state.setting("tokenHours")))
        return PackAnswer(200, text=_response(token, wall), content_type="application/soap+xml; charset=utf-8")

    def _user(self, request: PackRequest, root: ElementTree.Element, state: AzurePackState, wall: datetime) -> str:
        if request.listener is Listener.WINDOWS_SIGN_IN and request.connection is not None:
            return self._signed_in[request.connection]
        security = _find(root, "Security")
        if security is None:
            raise SoapFault("InvalidSecurity", "An error occurred when verifying security for the message.")
        created, expires = _text(security, "Created"), _text(security, "Expires")
        if created is not None and expires is not None and not from_text(created) - _SKEW <= wall <= from_text(expires) + _SKEW:
            raise SoapFault("InvalidSecurity", "An error occurred when verifying security for the message.")
        name, password = _text(security, "Username") or "", _text(security, "Password")
        site = "tenant" if request.listener is Listener.SIGN_IN else "admin"
        bare = name.rpartition("\\")[2]
        account = state.accounts.get(bare.lower())
        domain = name.rpartition("\\")[0]
        known = account is not None and account["site"] == site and domain.lower() in ("", str(state.setting("domain")).lower())
        if account is None or not known or account["password"] != password:
            raise SoapFault("FailedAuthentication", "ID3242: The security token could not be authenticated or authorized.")
        return str(account["name"])


@contextmanager
def _user_file(state: AzurePackState) -> Iterator[None]:
    """Let spnego know the administrators' accounts: it reads them from a file that a variable names."""
    lines = [f"{state.setting('domain')}:{each['name']}:{each['password']}" for each in state.accounts.values() if each["site"] == "admin"]
    with tempfile.NamedTemporaryFile("w", suffix=".ntlm", delete=False) as file:
        file.write("\n".join(lines) + "\n")
    before = os.environ.get("NTLM_USER_FILE")
    os.environ["NTLM_USER_FILE"] = file.name
    try:
        yield
    finally:
        Path(file.name).unlink()
        if before is None:
            del os.environ["NTLM_USER_FILE"]
        else:
            os.environ["NTLM_USER_FILE"] = before


def _unauthorized(challenge: str | None = None) -> PackAnswer:
    offers = (challenge,) if challenge is not None else ("Negotiate", "NTLM")
    return PackAnswer(401, text="<html><body>401 - Unauthorized</body></html>", content_type="text/html", authenticate=offers)


def _find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((each for each in root.iter() if each.tag.rpartition("}")[2] == name), None)


def _text(root: ElementTree.Element, name: str) -> str | None:
    found = _find(root, name)
    return None if found is None else (found.text or "").strip()


def _response(token: str, wall: datetime) -> str:
    encoded = b64encode(token.encode()).decode()
    return (
        f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><trust:RequestSecurityTokenResponseCollection xmlns:trust="{_TRUST}">'
        f"<trust:RequestSecurityTokenResponse><trust:Lifetime><Created>{to_text(wall)}</Created></trust:Lifetime>"
        f'<trust:RequestedSecurityToken><o:BinarySecurityToken xmlns:o="{_SECURITY}" ValueType="{_JWT}">{encoded}</o:BinarySecurityToken>'
        f"</trust:RequestedSecurityToken><trust:TokenType>{_JWT}</trust:TokenType></trust:RequestSecurityTokenResponse>"
        "</trust:RequestSecurityTokenResponseCollection></s:Body></s:Envelope>"
    )


def _fault(fault: SoapFault) -> str:
    return (
        f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
        f'<s:Value xmlns:a="{_TRUST}">a:{fault.code}</s:Value></s:Subcode></s:Code>'
        f'<s:Reason><s:Text xml:lang="en-US">{escape(fault.reason)}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
    )
