"""WS-Trust 1.3 over SOAP 1.2: the request for a token, and the token in the answer. Pure."""

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from xml.sax.saxutils import escape

from shared.azure_pack.authorization import Token
from shared.azure_pack.errors import AzurePackError, Cause, ErrorDetail, ErrorKind, unreadable
from shared.azure_pack.transport import Reply
from shared.azure_pack.wire import xml
from shared.azure_pack.wire.calls import kind_of, login_page
from shared.azure_pack.wire.error_bodies import decoded, is_html, read_error
from shared.values.hidden import Hidden

TENANT_SITE: Final = "http://azureservices/TenantSite"
ADMIN_SITE: Final = "http://azureservices/AdminSite"
CONTENT_TYPE: Final = "application/soap+xml; charset=utf-8"
_TRUST: Final = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
_ADDRESSING: Final = "http://www.w3.org/2005/08/addressing"
_POLICY: Final = "http://schemas.xmlsoap.org/ws/2004/09/policy"
_SECURITY: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_LIFETIME: Final = timedelta(minutes=5)
_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def request(*, to: str, realm: str, message_id: UUID, security: str = "") -> bytes:
    """Return the request for a token of a realm; `security` is the header of `credentials`, or nothing."""
    return (
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{_ADDRESSING}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{_TRUST}/RST/Issue</a:Action>'
        f"<a:MessageID>urn:uuid:{message_id}</a:MessageID>"
        f"<a:ReplyTo><a:Address>{_ADDRESSING}/anonymous</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{escape(to)}</a:To>{security}</s:Header><s:Body>'
        f'<trust:RequestSecurityToken xmlns:trust="{_TRUST}">'
        f'<wsp:AppliesTo xmlns:wsp="{_POLICY}"><a:EndpointReference><a:Address>{escape(realm)}</a:Address></a:EndpointReference>'
        "</wsp:AppliesTo>"
        f"<trust:KeyType>{_TRUST}/Bearer</trust:KeyType><trust:RequestType>{_TRUST}/Issue</trust:RequestType>"
        f"<trust:TokenType>{_JWT}</trust:TokenType></trust:RequestSecurityToken></s:Body></s:Envelope>"
    ).encode()


def credentials(user: str, password: str, now: datetime, *, timestamp: bool = True) -> str:
    """Return the header with user name and password; raises `AzurePackError` for characters that XML cannot hold.

    `timestamp`: the header has when it was made and when it ends, five minutes later. Inferred: WCF's default asks for it.
    """
    if _NOT_IN_XML.search(user + password):
        raise refused("The user name or the password has a character that the sign-in site cannot take.")
    utility, extension = f"{_SECURITY}-utility-1.0.xsd", f"{_SECURITY}-secext-1.0.xsd"
    lifetime = (
        f'<u:Timestamp u:Id="_0"><u:Created>{_time(now)}</u:Created><u:Expires>{_time(now + _LIFETIME)}</u:Expires></u:Timestamp>'
        if timestamp
        else ""
    )
    kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
    return (
        f'<o:Security s:mustUnderstand="1" xmlns:o="{extension}" xmlns:u="{utility}">{lifetime}'
        f"<o:UsernameToken><o:Username>{escape(user)}</o:Username>"
        f'<o:Password Type="{kind}">{escape(password)}</o:Password></o:UsernameToken></o:Security>'
    )


def token(reply: Reply, site: str) -> Token:
    """Return the token of an answer; raises `AzurePackError`: CREDENTIALS, LOGIN_PAGE, or the kind of its status."""
    page = is_html(decoded(reply.body[:2000])) or reply.content_type == "text/html"
    if 300 <= reply.status < 400 or (page and reply.status < 300):
        raise login_page(reply)
    body = read_error(reply.body)
    if body.is_soap_fault or reply.status == 401:
        raise refused(f"{site} refused the sign-in: {body.message or 'no reason given'}", body.code, body.message, status=reply.status)
    if not 200 <= reply.status < 300:
        reason = body.message or "no explanation"
        raise AzurePackError(
            kind_of(reply), "SignInFailed", f"{site} answered the sign-in with status {reply.status}: {reason}", status=reply.status
        )
    return _read(reply)


def refused(message: str, code: str | None = None, reason: str | None = None, *, status: int | None = None) -> AzurePackError:
    """Return the error of credentials that were refused."""
    details = (ErrorDetail(code, reason or ""),) if code is not None else ()
    return AzurePackError(
        ErrorKind.SIGN_IN, str(Cause.CREDENTIALS), message, cause=Cause.CREDENTIALS, details=details, status=status, sent=False
    )


def _read(reply: Reply) -> Token:
    try:
        root = xml.parse(decoded(reply.body))
    except xml.XmlError as problem:
        raise unreadable(f"The sign-in site's answer cannot be read. {problem}", status=reply.status) from None
    text = xml.text_of(next(xml.descendants(root, "RequestedSecurityToken"), None))
    if text is None:
        raise unreadable("The sign-in site's answer has no token.", status=reply.status)
    try:
        value = b64decode("".join(text.split()), validate=True).decode("ascii")
        claims = json.loads(urlsafe_b64decode(value.split(".")[1] + "=="))
        expires_at = datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (binascii.Error, ValueError, IndexError, KeyError, TypeError, OverflowError, OSError):
        raise unreadable("The sign-in site's token is not a JWT with an end.", status=reply.status) from None
    return Token(Hidden(value), expires_at)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
