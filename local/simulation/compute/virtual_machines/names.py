"""Names, user names and passwords of a machine, refused as Compute refuses them."""

import re
from collections.abc import Mapping
from typing import Any

from local.simulation.arm.errors import ArmError, invalid_parameter
from local.simulation.arm.tables import Json

_MACHINE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
_COMPUTER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_LINUX_USER = re.compile(r"[a-z_][a-z0-9_-]{0,63}")
_FORBIDDEN_USERS = frozenset(
    {
        *(
            "administrator",
            "admin",
            "user",
            "user1",
            "test",
            "user2",
            "test1",
            "user3",
            "admin1",
            "1",
            "123",
            "a",
            "actuser",
            "adm",
            "admin2",
        ),
        *("aspnet", "backup", "console", "david", "guest", "john", "owner", "root", "server", "sql", "support", "support_388945a0", "sys"),
        *("test2", "test3", "user4", "user5"),
    }
)
#: The ten that Azure's documentation lists.
_FORBIDDEN_PASSWORDS = frozenset(
    {"abc@123", "P@$$w0rd", "P@ssw0rd", "P@ssword123", "Pa$$word", "pass@word1", "Password!", "Password1", "Password22", "iloveyou!"}
)
_PASSWORD_LENGTHS = {"Windows": (8, 123), "Linux": (6, 72)}


def check_machine_name(name: str) -> None:
    """Refuse a name that no machine can have."""
    if not _MACHINE.fullmatch(name):
        raise invalid_parameter(
            f"The entity name 'vmName' is invalid according to its validation rule: {_MACHINE.pattern}: '{name}'.", "vmName"
        )


def read_os_profile(given: Mapping[str, Any], os_type: str, default_name: str) -> Json:
    """Return the `osProfile` of a new machine, without its password; raises `ArmError` 400 with the member as target."""
    computer, user, password = given.get("computerName", default_name), given.get("adminUsername"), given.get("adminPassword")
    _check_computer_name(str(computer), os_type)
    if not isinstance(user, str) or not user:
        raise invalid_parameter("Required parameter 'adminUsername' is missing (null).", "adminUsername")
    _check_user(user, os_type)
    linux = given.get("linuxConfiguration") or {}
    keys = ((linux.get("ssh") or {}).get("publicKeys") or []) if os_type == "Linux" else []
    if password is not None:
        _check_password(str(password), os_type)
    elif os_type == "Windows":
        raise invalid_parameter("Required parameter 'adminPassword' is missing (null).", "adminPassword")
    if os_type == "Linux":
        _check_authentication(linux, keys, with_password=password is not None)
    body: Json = {"computerName": str(computer), "adminUsername": user}
    configuration = "windowsConfiguration" if os_type == "Windows" else "linuxConfiguration"
    body[configuration] = dict(given.get(configuration) or {}) | {"provisionVMAgent": True}
    if os_type == "Linux":
        body[configuration].setdefault("disablePasswordAuthentication", False)
    return body | {"secrets": [], "allowExtensionOperations": True}


def _check_authentication(linux: Mapping[str, Any], keys: list[Any], *, with_password: bool) -> None:
    if linux.get("disablePasswordAuthentication"):
        if with_password:
            raise invalid_parameter("Authentication using password is disabled: 'adminPassword' is not allowed.", "adminPassword")
        if not keys:
            raise invalid_parameter(
                "Authentication using either SSH or by user name and password must be enabled in Linux profile.", "linuxConfiguration"
            )
    elif not with_password:
        raise invalid_parameter("Required parameter 'adminPassword' is missing (null).", "adminPassword")
    for item in keys:
        if not isinstance(item, dict) or not str(item.get("keyData", "")).startswith(("ssh-rsa ", "ssh-ed25519 ")):
            raise invalid_parameter(
                "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.", "linuxConfiguration.ssh.publicKeys.keyData"
            )


def _check_computer_name(computer: str, os_type: str) -> None:
    longest = 15 if os_type == "Windows" else 64
    if len(computer) > longest or not _COMPUTER.fullmatch(computer) or (os_type == "Windows" and computer.isdigit()):
        raise invalid_parameter(
            f"{os_type} computer name cannot be more than {longest} characters long"
            + (", be entirely numeric," if os_type == "Windows" else "")
            + r" or contain the following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \ | ; : . ' "
            + '" , < > / ?.',
            "computerName",
        )


def _check_user(user: str, os_type: str) -> None:
    allowed = len(user) <= 20 and not set(user) & set('\\/"[]:|<>+=;,?*@') and not user.endswith(".")
    if os_type == "Linux":
        allowed = _LINUX_USER.fullmatch(user) is not None
    if not allowed or user.lower() in _FORBIDDEN_USERS:
        raise invalid_parameter(
            "The Admin Username specified is not allowed. For more information about disallowed usernames, see https://aka.ms/vmosprofile",
            "adminUsername",
        )


def _check_password(password: str, os_type: str) -> None:
    shortest, longest = _PASSWORD_LENGTHS[os_type]
    kinds = sum(
        (
            any(each.islower() for each in password),
            any(each.isupper() for each in password),
            any(each.isdigit() for each in password),
            any(not each.isalnum() for each in password),
        )
    )
    if not shortest <= len(password) <= longest or kinds < 3:
        raise invalid_parameter(
            f"The supplied password must be between {shortest}-{longest} characters long and must satisfy at least 3 of password "
            "complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase character "
            "3) Contains a numeric digit 4) Contains a special character 5) Control characters are not allowed",
            "adminPassword",
        )
    if password in _FORBIDDEN_PASSWORDS:
        raise invalid_parameter("The supplied password is not allowed: it is one of the passwords that are guessed first.", "adminPassword")


def check_no_os_profile(properties: Mapping[str, Any]) -> None:
    """Refuse an `osProfile` of a machine whose OS disk is attached: it is specialized."""
    if properties.get("osProfile"):
        raise ArmError(400, "InvalidParameter", "Parameter 'osProfile' is not allowed.", target="osProfile")
