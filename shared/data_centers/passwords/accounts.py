"""The password of a data center's user: made by Farshore or given, kept in Key Vault under the operation's name."""

import secrets
import string
from typing import Final

from shared.data_centers.kinds import Action
from shared.data_centers.steps.claim import DataCenterClaim
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.values.hidden import Hidden

_LENGTH: Final = 20
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.:+=")


def secret_name(operation: str) -> str:
    """Return the name of an operation's password in Key Vault: no name is wanted twice, because a deleted one cannot be set again."""
    return f"data-center-{operation}-password"


def make_password() -> Hidden:
    """Return a password of 20 characters of four classes."""
    letters = [secrets.choice(one) for one in _CLASSES]
    letters += [secrets.choice("".join(_CLASSES)) for _ in range(_LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return Hidden("".join(letters))


async def keep_password(dc: DataCenterClaim) -> tuple[str, Hidden]:
    """Return the operation's password and its reference; one that is in Key Vault already is used again."""
    vault, name = dc.tools.secrets, secret_name(dc.id)
    known = await vault.find(name)
    if known is not None:
        return known
    user = dc.order.user if dc.state.action is Action.CREATE else None
    given = user.password.key_vault_secret_id if user is not None and user.password is not None else None
    password = await vault.read(given) if given is not None else make_password()
    if password is None:
        message = "The password that the order names was not found in Key Vault."
        raise CallFailure(FailureKind.REFUSED, code=ErrorCode.NOT_FOUND, message=message)
    return await vault.put(name, password, {"tenant": dc.record.tenant, "operation": dc.id, "field": "user.password"}), password
