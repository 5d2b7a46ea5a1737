"""Names: what a caller may choose, and what Farshore gives to what an operation makes (docs/design/virtual-machines.md, "Names").

Rules of Azure: "Naming rules and restrictions for Azure resources", and `osProfile.computerName` of Microsoft.Compute.
"""

import re
from base64 import b32encode
from enum import StrEnum
from hashlib import blake2b

from shared.values.reading import last_segment

LONGEST_WINDOWS_NAME = 15
LONGEST_NAME = 64
SUFFIX_LENGTH = 6
"""How many characters of the operation's id the names of what it makes end in."""

_MACHINE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}[A-Za-z0-9]", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?", re.ASCII)
_PORT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,29}[A-Za-z0-9])?", re.ASCII)
_LINUX_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_WINDOWS_USER_FORBIDDEN = frozenset('\\/"[]:|<>+=;,?*@')
_LONGEST_WINDOWS_USER = 20
_RESERVED_USERS = frozenset(
    {
        *("administrator", "admin", "user", "user1", "test", "user2", "test1", "user3", "admin1", "1", "123", "a", "actuser", "adm"),
        *("admin2", "aspnet", "backup", "console", "david", "guest", "john", "owner", "root", "server", "sql", "support"),
        *("support_388945a0", "sys", "test2", "test3", "user4", "user5"),
    }
)
"""Names of administrators that Azure refuses (Microsoft.Compute, `osProfile.adminUsername`)."""


class OsType(StrEnum):
    """The operating system of a machine."""

    WINDOWS = "Windows"
    LINUX = "Linux"


def check_machine_name(name: str) -> str:
    """Return the name of a machine; raises `ValueError` where Azure does not take it."""
    if _MACHINE.fullmatch(name) is None:
        raise ValueError("A machine's name has 1 to 64 letters, digits and hyphens, and begins and ends with a letter or digit.")
    return name


def check_service_name(name: str) -> str:
    """Return the name of a new service; raises `ValueError` for another form."""
    if _SERVICE.fullmatch(name) is None:
        raise ValueError(
            "A service's name has 2 to 64 letters, digits, hyphens and underscores, and begins and ends with a letter or digit."
        )
    return name


def check_group_name(name: str) -> str:
    """Return the name of an existing service, which may be any resource group; raises `ValueError` for what cannot be one."""
    if _GROUP.fullmatch(name) is None:
        raise ValueError("This cannot be the name of a service: Azure's resource groups have other names.")
    return name


def check_resource_name(name: str) -> str:
    """Return the name of a deployment, disk or image; raises `ValueError` where Azure does not take it."""
    if _RESOURCE.fullmatch(name) is None:
        raise ValueError(
            "This name has 1 to 80 letters, digits, hyphens, underscores and full stops, begins with a letter or digit and ends with a "
            "letter, digit or underscore."
        )
    return name


def check_port_name(name: str) -> str:
    """Return the name of a port; raises `ValueError` for another form."""
    if _PORT.fullmatch(name) is None:
        raise ValueError("A port's name has 1 to 31 letters, digits, hyphens and underscores, and begins and ends with a letter or digit.")
    return name


def computer_name_problem(name: str, os_type: OsType) -> str | None:
    """Return why a computer name does not fit the operating system, or None."""
    if _MACHINE.fullmatch(name) is None:
        return "A computer name has letters, digits and hyphens, and begins and ends with a letter or digit."
    if os_type is OsType.WINDOWS and len(name) > LONGEST_WINDOWS_NAME:
        return f"A computer name has at most {LONGEST_WINDOWS_NAME} characters on Windows; '{name}' has {len(name)}."
    if os_type is OsType.WINDOWS and name.isdigit():
        return "A computer name cannot have digits only on Windows."
    return None


def admin_name_problem(name: str, os_type: OsType) -> str | None:
    """Return why the name of an administrator does not fit the operating system, or None."""
    if name.lower() in _RESERVED_USERS:
        return f"Azure does not allow the name '{name}' for an administrator. Choose another one."
    if os_type is OsType.LINUX:
        fits = _LINUX_USER.fullmatch(name) is not None
        return None if fits else "On Linux this name has 1 to 32 lower-case letters, digits, hyphens and underscores, and no digit first."
    if not 1 <= len(name) <= _LONGEST_WINDOWS_USER or not name.isprintable() or not name.strip():
        return f"On Windows this name has 1 to {_LONGEST_WINDOWS_USER} printable characters."
    if set(name) & _WINDOWS_USER_FORBIDDEN or name.endswith("."):
        return 'On Windows this name has none of \\/"[]:|<>+=;,?*@ and does not end with a full stop.'
    return None


def suffix_of(operation: str) -> str:
    """Return what the names of everything that an operation makes end in."""
    return operation[-SUFFIX_LENGTH:]


def shared_name(owner: str, part: str) -> str:
    """Return the name of what the machines of a set share, or what stays with a machine: the same whichever operation makes it.

    `owner` is the ARM id of the set or the machine. A read that omits the resource can then not lead to a second one.
    """
    digest = b32encode(blake2b(owner.lower().encode(), digest_size=10).digest()).decode().lower()
    return made_name(last_segment(owner), part, digest)


def made_name(base: str, part: str, operation: str, longest: int = 80) -> str:
    """Return the name of something that an operation makes: `{base}-{part}-{suffix}`; a long base is cut, never the suffix."""
    end = f"-{part}-{suffix_of(operation)}"
    return f"{base[: longest - len(end)].rstrip('-_.')}{end}"
