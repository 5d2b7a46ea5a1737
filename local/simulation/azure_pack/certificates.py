"""A certificate authority of the simulated installation: server certificates, and certificates of publishsettings files."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_KEY_BITS = 2048
_SERVER_LIFETIME = timedelta(days=825)
_AUTHORITY_LIFETIME = timedelta(days=3650)
_BACKDATED = timedelta(days=1)
_AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def thumbprint(self) -> str:
        """The SHA-1 fingerprint as Windows shows it."""
        return thumbprint(self.certificate)

    def pem(self) -> bytes:
        """Return key and certificate as PEM."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)

    @classmethod
    def read(cls, pem: bytes) -> "Issued":
        """Read what `pem` returned; raises `ValueError`."""
        key = load_pem_private_key(pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the file holds no RSA key")  # of a file's content
        return cls(x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :]), key)

    def pkcs12(self, *, password: bytes | None = None) -> bytes:
        """Return a PKCS#12 with the ciphers that Windows has used since 2003 (3DES, SHA-1); without a password as the portal writes it."""
        scheme: KeySerializationEncryption = NoEncryption()
        if password:
            scheme = (
                PrivateFormat.PKCS12.encryption_builder()
                .kdf_rounds(2000)
                .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
                .hmac_hash(hashes.SHA1())  # noqa: S303  # as Windows writes it
                .build(password)
            )
        return pkcs12.serialize_key_and_certificates(b"Windows Azure Tools", self.key, self.certificate, None, scheme)


class Authority:
    """Issues certificates; `pem` is its own, which a client trusts."""

    def __init__(self, issued: Issued) -> None:
        self._issued = issued
        self._client_key: rsa.RSAPrivateKey | None = None

    @classmethod
    def make(cls, name: str, now: datetime) -> "Authority":
        """Make a new authority."""
        key = _new_key()
        subject = _name(name)
        builder = _builder(subject, subject, key, now - _BACKDATED, now + _AUTHORITY_LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_AUTHORITY_USAGE, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(Issued(builder.sign(key, hashes.SHA256()), key))

    @classmethod
    def kept(cls, file: Path | None, name: str, now: datetime) -> "Authority":
        """Return the authority that a file keeps; make and keep one where there is none."""
        if file is not None and file.exists():
            return cls(Issued.read(file.read_bytes()))
        made = cls.make(name, now)
        if file is not None:
            file.touch(mode=0o600)
            file.write_bytes(made._issued.pem())  # noqa: SLF001  # of this class
        return made

    @property
    def pem(self) -> str:
        """The authority's certificate, PEM."""
        return self._issued.certificate.public_bytes(Encoding.PEM).decode()

    def server(
        self,
        names: Sequence[str],
        now: datetime,
        *,
        lifetime: timedelta = _SERVER_LIFETIME,
        alternative_names: bool = True,
        identifiers: bool = True,
        key_bits: int = _KEY_BITS,
    ) -> Issued:
        """Issue a server's certificate; a lifetime below zero makes one that has expired. Those of 2012 often have no key identifiers."""
        key = _new_key(key_bits)
        begins, ends = _validity(now, lifetime)
        builder = _builder(_name(names[0]), self._issued.certificate.subject, key, begins, ends)
        if alternative_names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(each) for each in names]), critical=False)
        if identifiers:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issued.key.public_key())
            builder = builder.add_extension(issuer, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return Issued(builder.sign(self._issued.key, hashes.SHA256()), key)

    def kept_server(self, file: Path | None, names: Sequence[str], now: datetime) -> Issued:
        """Return the server's certificate that a file keeps; issue and keep one where there is none that is valid and of this authority."""
        if file is not None and file.exists():
            kept = Issued.read(file.read_bytes())
            if now < kept.certificate.not_valid_after_utc and kept.certificate.issuer == self._issued.certificate.subject:
                with suppress(InvalidSignature):
                    kept.certificate.verify_directly_issued_by(self._issued.certificate)
                    return kept
        made = self.server(names, now)
        if file is not None:
            file.touch(mode=0o600)
            file.write_bytes(made.pem())
        return made

    def client(self, name: str, now: datetime, *, lifetime: timedelta = timedelta(days=365)) -> Issued:
        """Issue the certificate of a publishsettings file; a lifetime below zero makes one that has expired.

        All have one key, because making one takes a second; each is another certificate.
        """
        if self._client_key is None:
            self._client_key = _new_key()
        key = self._client_key
        begins, ends = _validity(now, lifetime)
        builder = _builder(_name(name), self._issued.certificate.subject, key, begins, ends)
        return Issued(builder.sign(self._issued.key, hashes.SHA256()), key)


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the SHA-1 fingerprint of a certificate as Windows shows it."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303  # a name, not a protection


def _new_key(bits: int = _KEY_BITS) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _validity(now: datetime, lifetime: timedelta) -> tuple[datetime, datetime]:
    ends = now + lifetime
    return min(now - _BACKDATED, ends - _BACKDATED), ends


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
