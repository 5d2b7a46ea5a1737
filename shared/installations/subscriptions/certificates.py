"""Client certificates of imported subscriptions as Key Vault keeps them: PKCS#12 under a random passphrase, and that, as JSON."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

from shared.azure_pack.certificates import CertificateError, ClientCertificate
from shared.clock import Ids
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.secrets import Vault
from shared.values.hidden import Hidden

PREFIX: Final = "azure-pack-"
_PASSPHRASE_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class CertificateStore:
    """Writes and reads certificates; calls raise `CallFailure`."""

    vault: Vault
    ids: Ids

    async def put(self, installation: str, tenant: str, certificate: ClientCertificate) -> str:
        """Write a certificate and return its reference; refuses with `NotOffered` where there is no vault."""
        passphrase = token_urlsafe(_PASSPHRASE_BYTES)
        content = {"pkcs12": b64encode(certificate.to_pkcs12(passphrase.encode())).decode(), "passphrase": passphrase}
        name = f"{PREFIX}{installation}-{certificate.thumbprint}-{self.ids.new()[:8]}"
        tags = {"tenant": tenant, "installation": installation, "thumbprint": certificate.thumbprint}
        return await self.vault.put(name, Hidden(json.dumps(content)), tags)

    async def get(self, reference: str) -> ClientCertificate:
        """Read a certificate; a secret that is gone or cannot be read is a sign-in that failed, for a person to mend."""
        found = await self.vault.read(reference)
        if found is None:
            raise _unusable("was not found in Key Vault")
        try:
            content = json.loads(found.reveal())
            return ClientCertificate.from_pkcs12(b64decode(content["pkcs12"]), str(content["passphrase"]).encode())
        except (CertificateError, ValueError, KeyError, TypeError):
            raise _unusable("cannot be read") from None

    async def delete(self, reference: str) -> None:
        """Delete a certificate."""
        await self.vault.delete(reference)


def _unusable(why: str) -> CallFailure:
    message = f"The certificate of the subscription {why}. Import the publishsettings file again."
    return CallFailure(FailureKind.THROTTLED, code=ErrorCode.SIGN_IN_FAILED, message=message)
