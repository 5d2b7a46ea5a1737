"""publishsettings files: what is read, and each refusal with its rule and its place."""

import pickle
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.errors import PublishSettingsError
from shared.azure_pack.publish_settings import read_publish_settings
from tests.azure_pack.support import NOW, authority
from tests.support.draws import drawn

FIRST, SECOND = UUID(int=1), UUID(int=2)
URL = "https://pack.local:30006"


@cache
def certificate(name: str = "customer", days: int = 365, password: bytes | None = None) -> str:
    """A certificate as a file holds it."""
    return b64encode(authority("clients").client(name, NOW, lifetime=timedelta(days=days)).pkcs12(password=password)).decode()


def profile(attributes: str = "", subscriptions: str = "") -> str:
    inner = f'<PublishProfile PublishMethod="AzureServiceManagementAPI" {attributes}>{subscriptions}</PublishProfile>'
    return f"<PublishData>{inner}</PublishData>"


def v1(subscriptions: str | None = None, url: str = URL, cert: str | None = None) -> str:
    inner = subscriptions if subscriptions is not None else f'<Subscription Id="{FIRST}" Name="One"/>'
    return profile(f'Url="{url}" ManagementCertificate="{certificate() if cert is None else cert}"', inner)


def v2(*subscriptions: str, version: str = "2.0") -> str:
    return profile(f'SchemaVersion="{version}"', "".join(subscriptions))


def subscription(id_: object = FIRST, url: str = URL, cert: str | None = None, name: str = "One") -> str:
    value = certificate() if cert is None else cert
    return f'<Subscription Id="{id_}" Name="{name}" ServiceManagementUrl="{url}" ManagementCertificate="{value}"/>'


def refusal(content: str | bytes) -> tuple[str, str]:
    with pytest.raises(PublishSettingsError) as raised:
        read_publish_settings(content, now=NOW)
    return raised.value.code, raised.value.path


@pytest.mark.parametrize(
    ("text", "version"), [(v1(), None), (v2(subscription()), "2.0"), (v2(subscription(), version="1.0"), "1.0")], ids=["v1", "v2", "1.0"]
)
def test_both_versions_are_read(text: str, version: str | None) -> None:
    read = read_publish_settings(text, now=NOW)
    assert read.schema_version == version
    assert [(each.id, each.name, each.service_url) for each in read.subscriptions] == [(FIRST, "One", URL)]
    assert read.subscriptions[0].certificate.subject == "CN=customer"


def test_a_subscription_s_own_address_and_certificate_win() -> None:
    inner = f'<Subscription Id="{FIRST}"/>' + subscription(SECOND, "https://other.local/", certificate("second"), "Two &amp; more")
    first, second = read_publish_settings(v1(inner), now=NOW).subscriptions
    assert (first.service_url, first.certificate.subject, first.name) == (URL, "CN=customer", str(FIRST))
    assert (second.service_url, second.certificate.subject, second.name) == ("https://other.local", "CN=second", "Two & more")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0" encoding="utf-16"?>'])
def test_byte_order_marks_and_utf_16_are_read(encoding: str, declaration: str) -> None:
    content = (declaration + v2(subscription(name="Überwachung"))).encode(encoding)
    assert read_publish_settings(content, now=NOW).subscriptions[0].name == "Überwachung"


@pytest.mark.parametrize("algorithm", [pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, pkcs12.PBES.PBESv2SHA256AndAES256CBC])
@pytest.mark.parametrize("password", [b"", b"secret"])
def test_pkcs12_as_windows_writes_it_is_read(algorithm: pkcs12.PBES, password: bytes) -> None:
    issued = authority("clients").client("windows", NOW)
    digest = hashes.SHA1() if algorithm is pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC else hashes.SHA256()  # noqa: S303
    scheme = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2000).key_cert_algorithm(algorithm).hmac_hash(digest)
    encryption = scheme.build(password) if password else NoEncryption()
    data = pkcs12.serialize_key_and_certificates(b"Windows Azure Tools", issued.key, issued.certificate, None, encryption)
    read = ClientCertificate.from_pkcs12(data, password)
    assert read.thumbprint == issued.thumbprint
    again = ClientCertificate.from_pkcs12(read.to_pkcs12(b"other"), b"other")
    assert again.thumbprint == issued.thumbprint


def test_a_pkcs12_of_an_old_windows_is_read() -> None:
    # RC2 of 40 bits for the certificate, 3DES for the key, SHA-1 for the check, an empty password; made for this test alone
    data = (Path(__file__).parent / "windows.pfx").read_bytes()
    assert ClientCertificate.from_pkcs12(data).subject == "CN=Windows Azure Tools"
    read = read_publish_settings(v1(cert=b64encode(data).decode()), now=NOW)
    assert read.subscriptions[0].certificate.not_after.year > 2100


def without_key() -> str:
    issued = authority("clients").client("no key", NOW)
    return b64encode(pkcs12.serialize_key_and_certificates(None, None, issued.certificate, None, NoEncryption())).decode()


PROFILE = "PublishProfile"
REFUSALS: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "NotXml", ""),
    "text": ("hello", "NotXml", ""),
    "not text": (b"\xff\xfe\x00\xd8", "NotXml", ""),
    "broken": ("<PublishData>", "NotXml", ""),
    "large": ("<PublishData>" + " " * 300_000 + "</PublishData>", "TooLarge", ""),
    "dtd": ('<!DOCTYPE PublishData SYSTEM "http://evil.invalid/x.dtd">' + v1(), "ForbiddenXml", ""),
    "entities": ('<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>' + v1().replace("One", "&c;"), "ForbiddenXml", ""),
    "external entity": ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + v1().replace("One", "&a;"), "ForbiddenXml", ""),
    "another root": ("<Other/>", "NoProfile", "Other"),
    "no profile": ("<PublishData/>", "NoProfile", "PublishData"),
    "two profiles": ("<PublishData><PublishProfile/><PublishProfile/></PublishData>", "SeveralProfiles", "PublishData"),
    "version 3": (v2(subscription(), version="3.0"), "UnknownSchemaVersion", f"{PROFILE}/@SchemaVersion"),
    "no subscription": (v1(""), "NoSubscription", PROFILE),
    "too many": (v2(*("<Subscription/>" for _ in range(101))), "TooManySubscriptions", PROFILE),
    "no id": (v1("<Subscription/>"), "BadSubscriptionId", f"{PROFILE}/Subscription[1]/@Id"),
    "bad id": (v2(subscription(), subscription("12")), "BadSubscriptionId", f"{PROFILE}/Subscription[2]/@Id"),
    "twice": (v2(subscription(), subscription(str(FIRST).upper())), "DuplicateSubscription", f"{PROFILE}/Subscription[2]/@Id"),
    "no address": (v2(subscription(url="")), "NoUrl", f"{PROFILE}/Subscription[1]/@ServiceManagementUrl"),
    "http": (v1(url="http://pack.local"), "UrlNotHttps", f"{PROFILE}/@Url"),
    "with credentials": (v2(subscription(url="https://a:b@pack.local")), "UrlNotHttps", f"{PROFILE}/Subscription[1]/@ServiceManagementUrl"),
    "bad port": (v1(url="https://pack.local:99999"), "UrlNotHttps", f"{PROFILE}/@Url"),
    "no certificate": (v2(subscription(cert="")), "NoCertificate", f"{PROFILE}/Subscription[1]/@ManagementCertificate"),
    "not base64": (v1(cert="%%%"), "CertificateNotBase64", f"{PROFILE}/@ManagementCertificate"),
    "not pkcs12": (v1(cert=b64encode(b"hello there").decode()), "CertificateUnreadable", f"{PROFILE}/@ManagementCertificate"),
    "cut": (v1(cert=certificate()[:400]), "CertificateUnreadable", f"{PROFILE}/@ManagementCertificate"),
    "password": (
        v2(subscription(), subscription(SECOND, cert=certificate(password=b"secret"))),
        "CertificateEncrypted",
        f"{PROFILE}/Subscription[2]/@ManagementCertificate",
    ),
    "no key": (v1(cert=without_key()), "CertificateWithoutKey", f"{PROFILE}/@ManagementCertificate"),
    "expired": (v1(cert=certificate(days=-1)), "CertificateExpired", f"{PROFILE}/@ManagementCertificate"),
}


@pytest.mark.parametrize(("content", "code", "path"), REFUSALS.values(), ids=REFUSALS.keys())
def test_each_refusal_has_its_rule_and_its_place(content: str | bytes, code: str, path: str) -> None:
    assert refusal(content) == (code, path)


@given(st.one_of(st.text(), st.binary(), st.text(alphabet='<>/="& !-?[]()PublishDataProfileSubscriptionId0123', max_size=200)))
def test_no_input_raises_anything_else(content: str | bytes) -> None:
    with pytest.raises(PublishSettingsError):
        read_publish_settings(content, now=NOW)


@settings(max_examples=drawn(80), deadline=None)
@given(st.data())
def test_no_damaged_file_raises_anything_else(data: st.DataObject) -> None:
    content = bytearray(v2(subscription(), subscription(SECOND)).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] = data.draw(st.integers(0, 255))
        else:
            del content[at : at + data.draw(st.integers(1, 400))]
    with suppress(PublishSettingsError):
        assert read_publish_settings(bytes(content), now=NOW).subscriptions


@settings(max_examples=drawn(80), deadline=None)
@given(st.data())
def test_no_damaged_certificate_raises_anything_else(data: st.DataObject) -> None:
    der = bytearray(_der())
    for _ in range(data.draw(st.integers(1, 8))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PublishSettingsError):
        assert read_publish_settings(v1(cert=b64encode(bytes(der)).decode()), now=NOW).subscriptions


@cache
def _der() -> bytes:
    return authority("clients").client("customer", NOW).pkcs12()


def test_a_file_s_key_is_neither_printed_nor_pickled() -> None:
    read = read_publish_settings(v1(), now=NOW)
    assert certificate()[:40] not in repr(read)
    with pytest.raises(TypeError):
        pickle.dumps(read)
