"""The ids that Farshore chooses at Azure Pack: the same order gives the same ids, so that a repeated call finds its own."""

import hashlib
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("7d3f8a52-6a0c-5c1e-9a53-2f4be7c2d9a1")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_LETTERS: Final = 18


def subscription_id(installation: str, tenant: str, data_center: str, attempt: int) -> UUID:
    """Return the id of a data center's subscription, by its attempt."""
    return uuid5(_NAMESPACE, _text(installation, tenant, data_center, attempt))


def add_on_id(installation: str, tenant: str, data_center: str, attempt: int) -> str:
    """Return the id of a data center's personal add-on: `fs` and 18 letters and digits."""
    number = int.from_bytes(hashlib.sha256(_text(installation, tenant, data_center, attempt).encode()).digest(), "big")
    letters = []
    for _ in range(_LETTERS):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "fs" + "".join(letters)


def _text(installation: str, tenant: str, data_center: str, attempt: int) -> str:
    return f"{installation}/{tenant}/{data_center.lower()}/{attempt}"
