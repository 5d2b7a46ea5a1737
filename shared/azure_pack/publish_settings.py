"""publishsettings files: the subscriptions of a customer, each with its address and its client certificate (docs/azure/azure-pack.md)."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element

from shared.azure_pack.certificates import CertificateError, ClientCertificate
from shared.azure_pack.errors import PublishSettingsError
from shared.azure_pack.wire import xml

_LARGEST: Final = 256 * 1024
_MOST_SUBSCRIPTIONS: Final = 100
_LONGEST_URL: Final = 2048
_VERSIONS: Final = (None, "1.0", "2.0")
_PROFILE: Final = "PublishProfile"
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishedSubscription:
    """One subscription of a file: `service_url` is the address of the tenant public API, without a slash at the end."""

    id: UUID
    name: str
    service_url: str
    certificate: ClientCertificate


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """A file: its schema version (None where it names none), and its subscriptions in their order."""

    schema_version: str | None
    subscriptions: tuple[PublishedSubscription, ...]


def read_publish_settings(content: bytes | str, *, now: datetime) -> PublishSettings:
    """Read a file of at most 256 KiB and 100 subscriptions; raises `PublishSettingsError` with the rule and the place.

    A subscription's own address and certificate win over the profile's (version 1 has them on the profile, version 2 on each subscription).
    """
    root = _root(content)
    if xml.local(root.tag) != "PublishData":
        raise PublishSettingsError("NoProfile", xml.local(root.tag)[:100], "The root element is not PublishData.")
    profiles = xml.children(root, _PROFILE)
    if not profiles:
        raise PublishSettingsError("NoProfile", "PublishData", "The file has no PublishProfile.")
    if len(profiles) > 1:
        raise PublishSettingsError("SeveralProfiles", "PublishData", f"The file has {len(profiles)} profiles; one is expected.")
    profile = profiles[0]
    version = xml.attribute(profile, "SchemaVersion")
    if version not in _VERSIONS:
        raise PublishSettingsError(
            "UnknownSchemaVersion",
            f"{_PROFILE}/@SchemaVersion",
            f"The schema version '{version[:20]}' is not known. Known are 1.0 and 2.0.",
        )
    elements = xml.children(profile, "Subscription")
    if not elements:
        raise PublishSettingsError("NoSubscription", _PROFILE, "The file has no subscription.")
    if len(elements) > _MOST_SUBSCRIPTIONS:
        raise PublishSettingsError("TooManySubscriptions", _PROFILE, f"The file has {len(elements)} subscriptions; 100 are allowed.")
    reader = _Reader(profile, now)
    subscriptions = tuple(reader.subscription(each, number) for number, each in enumerate(elements, 1))
    return PublishSettings(version, subscriptions)


class _Reader:
    """Reads the subscriptions of one profile; each certificate is read once."""

    def __init__(self, profile: Element, now: datetime) -> None:
        self._profile = profile
        self._now = now
        self._certificates: dict[str, ClientCertificate] = {}
        self._seen: set[UUID] = set()

    def subscription(self, element: Element, number: int) -> PublishedSubscription:
        """Read the subscription at this place, counted from 1; raises `PublishSettingsError`."""
        place = f"{_PROFILE}/Subscription[{number}]"
        text = (xml.attribute(element, "Id") or "").strip()
        if not _GUID.fullmatch(text):
            raise PublishSettingsError("BadSubscriptionId", f"{place}/@Id", f"'{text[:60]}' is not the id of a subscription, a GUID.")
        subscription = UUID(text)
        if subscription in self._seen:
            raise PublishSettingsError("DuplicateSubscription", f"{place}/@Id", f"The subscription {subscription} is in the file twice.")
        self._seen.add(subscription)
        url = self._value(element, place, "ServiceManagementUrl", "Url")
        if url is None:
            raise PublishSettingsError(
                "NoUrl", f"{place}/@ServiceManagementUrl", "Neither the subscription nor the profile has an address."
            )
        certificate = self._value(element, place, "ManagementCertificate", "ManagementCertificate")
        if certificate is None:
            raise PublishSettingsError(
                "NoCertificate", f"{place}/@ManagementCertificate", "Neither the subscription nor the profile has a certificate."
            )
        return PublishedSubscription(
            id=subscription,
            name=xml.attribute(element, "Name") or str(subscription),
            service_url=_https(*url),
            certificate=self._certificate(*certificate),
        )

    def _value(self, element: Element, place: str, own: str, of_profile: str) -> tuple[str, str] | None:
        """Return an attribute of the subscription, else of the profile, that is not empty, and its place."""
        for holder, holder_place, name in ((element, place, own), (self._profile, _PROFILE, of_profile)):
            value = (xml.attribute(holder, name) or "").strip()
            if value:
                return value, f"{holder_place}/@{name}"
        return None

    def _certificate(self, text: str, path: str) -> ClientCertificate:
        certificate = self._certificates.get(text)
        if certificate is None:
            certificate = self._certificates[text] = _read_certificate(text, path)
        if certificate.not_after <= self._now:
            raise PublishSettingsError(
                "CertificateExpired",
                path,
                f"The certificate {certificate.thumbprint} ended on {certificate.not_after:%Y-%m-%d %H:%M} UTC. Download a new file.",
            )
        return certificate


def _read_certificate(text: str, path: str) -> ClientCertificate:
    try:
        data = b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PublishSettingsError("CertificateNotBase64", path, "The certificate is not base64.") from None
    try:
        return ClientCertificate.from_pkcs12(data)
    except CertificateError as problem:
        raise PublishSettingsError(str(problem.problem), path, str(problem)) from None


def _root(content: bytes | str) -> Element:
    size = len(content)
    if size > _LARGEST:
        raise PublishSettingsError("TooLarge", "", f"The file has {size} bytes; {_LARGEST} are allowed.")
    try:
        return xml.parse(content if isinstance(content, str) else _decoded(content))
    except xml.XmlError as problem:
        code = "ForbiddenXml" if problem.forbidden else "NotXml"
        raise PublishSettingsError(code, "", f"The file cannot be read. {problem}") from None
    except UnicodeDecodeError:
        raise PublishSettingsError("NotXml", "", "The file is neither UTF-8 nor UTF-16.") from None


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    if content[:2] == b"<\x00":
        return content.decode("utf-16-le")
    if content[:2] == b"\x00<":
        return content.decode("utf-16-be")
    return content.decode("utf-8-sig")


def _https(url: str, path: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and parts.username is None and not parts.query and not parts.fragment
        usable = usable and (parts.port is None or parts.port > 0)  # reading the port raises where it is none
    except ValueError:
        usable = False
    if not usable or len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise PublishSettingsError("UrlNotHttps", path, f"'{url[:200]}' is not an https address.")
    return url.rstrip("/")
