"""Passwords of administrators: what Azure takes (Microsoft.Compute, `osProfile.adminPassword`).

The messages never repeat a password, nor a part of one.
"""

from typing import Final

from shared.virtual_machines.rules.names import OsType

_REFUSED: Final = frozenset(
    {
        *("abc@123", "P@$$w0rd", "P@ssw0rd", "P@ssword123", "Pa$$word", "pass@word1", "Password!", "Password1", "Password22", "iloveyou!"),
    }
)
"""The ten passwords that Azure refuses whatever their kinds of characters."""
_LENGTHS: Final = {OsType.WINDOWS: (8, 123), OsType.LINUX: (6, 72)}
_KINDS_NEEDED: Final = 3


def password_problem(password: str, os_type: OsType) -> str | None:
    """Return why a password does not fit the operating system, or None."""
    shortest, longest = _LENGTHS[os_type]
    if not shortest <= len(password) <= longest:
        return f"A password has {shortest} to {longest} characters on {os_type}."
    return common_password_problem(password)


def common_password_problem(password: str) -> str | None:
    """Return why no operating system takes a password, or None."""
    shortest, longest = min(least for least, _ in _LENGTHS.values()), max(most for _, most in _LENGTHS.values())
    if not shortest <= len(password) <= longest:
        return f"A password has {shortest} to {longest} characters."
    if kinds_of(password) < _KINDS_NEEDED:
        return "A password has three of: a lower-case letter, an upper-case letter, a digit, another character."
    if password in _REFUSED:
        return "Azure does not allow this password, because it is one of the most common. Choose another one."
    return None


def kinds_of(password: str) -> int:
    """Count the kinds of characters: lower case, upper case, digits, others."""
    lower = any(character.islower() for character in password)
    upper = any(character.isupper() for character in password)
    digit = any(character.isdigit() for character in password)
    other = any(not (character.islower() or character.isupper() or character.isdigit()) for character in password)
    return lower + upper + digit + other
