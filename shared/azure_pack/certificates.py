"""Client certificates, and the TLS context of an endpoint. `cryptography` is imported when the first certificate is read."""

import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from shared.azure_pack.connection import TlsOptions

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_OLD_CIPHERS: Final = "DEFAULT:!aNULL:!eNULL:!MD5:@SECLEVEL=1"
"""Level 2 is Python's own list: forward secrecy, keys of 2,048 bits."""
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl` does not name."""


class CertificateProblem(StrEnum):
    """Why a PKCS#12 cannot be used as a client certificate."""

    UNREADABLE = "CertificateUnreadable"
    ENCRYPTED = "CertificateEncrypted"
    WITHOUT_KEY = "CertificateWithoutKey"


class CertificateError(ValueError):
    """A PKCS#12 that cannot be used; `problem` gives the reason."""

    def __init__(self, problem: CertificateProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class ClientCertificate:
    """A certificate with its private key. `repr` shows the thumbprint; it cannot be copied or pickled."""

    __slots__ = ("_certificate", "_chain", "_key", "not_after", "not_before", "subject", "thumbprint")

    def __init__(self, certificate: "Certificate", key: "PrivateKeyTypes", chain: tuple["Certificate", ...] = ()) -> None:
        from cryptography.hazmat.primitives import hashes

        self._certificate = certificate
        self._key = key
        self._chain = chain
        self.thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303  # the name that Windows shows, not a protection
        self.subject = certificate.subject.rfc4514_string()
        self.not_before = certificate.not_valid_before_utc
        self.not_after = certificate.not_valid_after_utc

    @classmethod
    def from_pkcs12(cls, data: bytes, password: bytes = b"") -> "ClientCertificate":
        """Read a PKCS#12, also one with the old ciphers that Windows writes; raises `CertificateError`."""
        from cryptography.hazmat.primitives.serialization import pkcs12

        if not _is_pkcs12(data):
            raise CertificateError(CertificateProblem.UNREADABLE, "The certificate is not a PKCS#12 structure.")
        last: Exception | None = None
        for attempt in (password, None) if not password else (password,):
            try:
                key, certificate, chain = pkcs12.load_key_and_certificates(data, attempt)
            except Exception as problem:  # hostile input: OpenSSL and Rust raise many kinds
                last = problem
                continue
            if certificate is None or key is None:
                raise CertificateError(
                    CertificateProblem.WITHOUT_KEY, "The PKCS#12 has no certificate with its private key. Export it with the private key."
                )
            try:
                return cls(certificate, key, tuple(chain))
            except Exception as problem:  # a certificate whose fields cannot be decoded
                last = problem
        if isinstance(last, ValueError) and "password" in str(last).lower():
            raise CertificateError(
                CertificateProblem.ENCRYPTED, "The PKCS#12 needs a password. Export it with an empty password."
            ) from None
        raise CertificateError(CertificateProblem.UNREADABLE, "The PKCS#12 cannot be read.") from None

    def to_pkcs12(self, password: bytes) -> bytes:
        """Return the certificate and its key as a PKCS#12 under a password that is not empty; raises `ValueError`."""
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

        if not password:
            raise ValueError("A PKCS#12 of this library is written under a password that is not empty.")
        return pkcs12.serialize_key_and_certificates(
            None,
            self._key,  # type: ignore[arg-type]  # writes fewer kinds of keys than it reads; another kind raises
            self._certificate,
            list(self._chain),
            BestAvailableEncryption(password),
        )

    def der(self) -> bytes:
        """Return the certificate without its key, as DER."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._certificate.public_bytes(Encoding.DER)

    def encrypted_pem(self, passphrase: bytes) -> bytes:
        """Return key (encrypted), certificate and chain as PEM, for `ssl.SSLContext.load_cert_chain`."""
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        return key + b"".join(each.public_bytes(Encoding.PEM) for each in (self._certificate, *self._chain))

    def __repr__(self) -> str:
        return f"ClientCertificate({self.thumbprint})"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("A client certificate cannot be copied or pickled.")


def ssl_context(tls: TlsOptions, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """Return the TLS context of an endpoint; raises `ValueError` for a CA bundle that holds no certificate.

    Python reads keys from files only: the key is written encrypted under a random passphrase, mode 0600, and removed before this returns.
    """
    try:
        context = ssl.create_default_context(cadata=tls.ca_bundle)
    except ssl.SSLError:
        raise ValueError("The CA bundle holds no certificate in PEM form.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.security_level == 1:
        context.set_ciphers(_OLD_CIPHERS)
    context.hostname_checks_common_name = False
    # from Python 3.13 on by default: certificates of private authorities of 2012 often lack the key identifiers that it asks for
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate is not None:
        _load(context, certificate)
    return context


def without_name_and_time(context: ssl.SSLContext) -> ssl.SSLContext:
    """Relax a new context for a diagnosis that sends nothing: the chain is verified, host name and validity are not."""
    context.check_hostname = False
    context.verify_flags |= _NO_CHECK_TIME
    return context


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What a server's certificate is for: the names of its subjectAltName, and its validity."""

    names: tuple[str, ...]
    not_before: datetime | None
    not_after: datetime | None


def server_certificate(peer: dict[str, object]) -> ServerCertificate:
    """Read what `ssl.SSLSocket.getpeercert` returned."""
    names = peer.get("subjectAltName")
    return ServerCertificate(
        names=tuple(str(value) for _, value in names) if isinstance(names, tuple) else (),
        not_before=_moment(peer.get("notBefore")),
        not_after=_moment(peer.get("notAfter")),
    )


def _moment(value: object) -> datetime | None:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(value), UTC) if isinstance(value, str) else None


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    passphrase = secrets.token_hex(32)
    handle, name = tempfile.mkstemp(prefix="azure-pack-", suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate.encrypted_pem(passphrase.encode()))
        context.load_cert_chain(name, password=passphrase)
    finally:
        Path(name).unlink()


def _is_pkcs12(data: bytes) -> bool:
    """Return whether the data are a DER sequence that begins with PKCS#12's version, 3."""
    if len(data) < 8 or data[0] != 0x30:
        return False
    header = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[header : header + 3] == b"\x02\x01\x03"
