"""The document of an installation: every field with its bounds, as it is sent and as it is stored (docs/design/data-centers.md).

A secret is an object, `{"value"}` or `{"keyVaultSecretId"}`; a stored document has the reference alone.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.errors import ErrorCode, Problem
from shared.secrets.requests import SecretInput
from shared.values.documents import Document
from shared.values.durations import duration_text, parse_duration
from shared.values.texts import printable

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}", re.ASCII)
ADMIN_REALM = "http://azureservices/AdminSite"
_MOST_CERTIFICATES = 20
_LARGEST_BUNDLE = 32 * 1024
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_LINK_EXPECTED = "This must be an address that begins with https://."
_PROXY_EXPECTED = "This must be http://host:port, without credentials: those are a secret of their own."
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class AfterSuspension(StrEnum):
    """What happens to the machines of a data center that is suspended."""

    STOP = "stop"
    SHUTDOWN = "shutdown"
    SAVE = "save"


class MachinesVia(StrEnum):
    """How the administrator's token reaches the machines of a subscription."""

    ADMIN_SUBSCRIPTION = "adminSubscription"
    ADMIN = "admin"
    TENANT_API = "tenantApi"


def _address(value: str) -> str:
    """Return `https://host[:port]`, nothing after it."""
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        port = 0
    host = value.removeprefix("https://").rpartition(":")[0] if port else value.removeprefix("https://")
    if parts.scheme != "https" or value != f"https://{host}{f':{port}' if port else ''}" or not _HOST.fullmatch(host):
        raise ValueError("This must be https://host or https://host:port, with nothing after it.")
    return value.lower()


def _link(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or not value.isprintable():
        raise ValueError(_LINK_EXPECTED)
    return value


def _realm(value: str) -> str:
    if not urlsplit(value).scheme or not value.isprintable():
        raise ValueError("This must be an absolute URI.")
    return value


def _proxy(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path not in {"", "/"}:
        raise ValueError(_PROXY_EXPECTED)
    return value


def _bundle(value: str) -> str:
    count = value.count(_CERTIFICATE)
    if not 1 <= count <= _MOST_CERTIFICATES or len(value.encode()) > _LARGEST_BUNDLE or "PRIVATE KEY" in value:
        raise ValueError("This must be PEM text of 1 to 20 certificates, at most 32 KiB, without a key.")
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise ValueError("This has a certificate that cannot be read.") from None
    return value


def _between(least: timedelta, most: timedelta) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, timedelta):
            return value
        span = parse_duration(value) if isinstance(value, str) else None
        if span is None or not least <= span <= most:
            raise ValueError(f"This must be an ISO 8601 duration from {duration_text(least)} to {duration_text(most)}, for example PT30M.")
        return span

    return BeforeValidator(check)


_AS_TEXT = PlainSerializer(duration_text, return_type=str, when_used="json")
_SCHEMA = WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT30M"]})
Address = Annotated[StrictStr, Field(max_length=300), AfterValidator(_address)]
Link = Annotated[StrictStr, Field(max_length=500), AfterValidator(_link)]
SecretId = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(printable)]
ShutdownTimeout = Annotated[timedelta, _between(timedelta(minutes=1), timedelta(hours=1)), _AS_TEXT, _SCHEMA]
MachineTimeout = Annotated[timedelta, _between(timedelta(minutes=5), timedelta(hours=6)), _AS_TEXT, _SCHEMA]


class SecretReference(Document):
    """A secret by its reference alone."""

    key_vault_secret_id: SecretId


class SignIn(Document):
    """How Farshore signs in as an administrator."""

    mode: Literal["windows", "adfs"] = Field("windows", description="NTLM at the Windows sign-in site, or an AD FS server.")
    windows_auth_endpoint: Address = Field(description="The Windows sign-in site, or the AD FS server.")
    realm: Annotated[StrictStr, Field(max_length=300), AfterValidator(_realm)] = ADMIN_REALM
    domain: Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(printable)] | None = None
    user_name: Annotated[StrictStr, Field(min_length=1, max_length=256), AfterValidator(printable)]
    password: SecretInput


class Tls(Document):
    """How the servers' certificates are verified; verification is never off."""

    ca_bundle: Annotated[StrictStr, AfterValidator(_bundle)] | None = Field(None, description="PEM; replaces the system's authorities.")
    server_name: Annotated[StrictStr, Field(min_length=1, max_length=253), AfterValidator(printable)] | None = None
    security_level: Annotated[StrictInt, Field(ge=1, le=2)] = 2


class ProxyGiven(Document):
    """An HTTP proxy; the secret of its credentials is `user:password`."""

    url: Annotated[StrictStr, Field(max_length=300), AfterValidator(_proxy)]
    credentials: SecretReference | None = None


class MachineAccess(Document):
    """How machines are reached and changed; inferred where docs/azure-pack.md has it so."""

    via: MachinesVia = MachinesVia.ADMIN_SUBSCRIPTION
    update: Literal["PUT", "MERGE"] = "PUT"
    save_operation: Annotated[StrictStr, Field(pattern=r"^[A-Za-z]{1,40}$")] = "SaveState"


class Defaults(Document):
    """What an order gets that does not name it."""

    plan: Annotated[StrictStr, Field(min_length=1, max_length=128), AfterValidator(printable)] | None = None
    operation_after_suspension: AfterSuspension = AfterSuspension.SHUTDOWN
    start_on_resume: StrictBool = True
    shutdown_timeout: ShutdownTimeout = timedelta(minutes=10)
    machine_timeout: MachineTimeout = timedelta(minutes=30)


class Accounts(Document):
    """How customers get a sign-in: not by Farshore, or by the provider's own service."""

    mode: Literal["none", "hook"] = "none"
    url: Link | None = None
    token: SecretReference | None = None

    @model_validator(mode="after")
    def _whole_hook(self) -> Self:
        if (self.mode == "hook") != (self.url is not None and self.token is not None) or (self.mode == "none" and (self.url or self.token)):
            raise PydanticCustomError("farshore", "{message}", {"message": "The mode hook needs url and token; none has neither."})
        return self


class Calls(Document):
    """How many calls at once in each process, and in a minute over all instances."""

    in_flight: Annotated[StrictInt, Field(ge=1, le=32)] = 8
    per_minute: Annotated[StrictInt, Field(ge=10, le=3000)] = 300


class InstallationRequest(Document):
    """An installation, as `PUT /azure-packs/{name}` takes it."""

    display_name: Annotated[StrictStr, Field(min_length=1, max_length=100), AfterValidator(printable)] | None = None
    admin_api: Address
    tenant_api: Address | None = None
    tenant_public_apis: Annotated[tuple[Address, ...], Field(max_length=5)] = ()
    portal_url: Link | None = None
    sign_in: SignIn
    tls: Tls = Field(default_factory=Tls)
    proxy: ProxyGiven | None = None
    machines: MachineAccess = Field(default_factory=MachineAccess)
    add_on_quota: Literal["adds", "isTotal"] = "adds"
    network_limits: StrictBool = False
    defaults: Defaults = Field(default_factory=Defaults)
    accounts: Accounts = Field(default_factory=Accounts)
    calls: Calls = Field(default_factory=Calls)

    @model_validator(mode="after")
    def _tenant_api_where_machines_need_it(self) -> Self:
        if self.machines.via is MachinesVia.TENANT_API and self.tenant_api is None:
            raise PydanticCustomError("farshore", "{message}", {"message": "machines.via tenantApi needs tenantApi."})
        return self


def places_to_correct(request: InstallationRequest, standing: InstallationRequest | None) -> tuple[Problem, ...]:
    """Return what is wrong with the server name, the links and the proxy of a document that is sent.

    An earlier version stored documents without these rules: they are not applied to what is stored, and a value that is there may stay.
    """
    given, known = _places(request), _places(standing) if standing is not None else {}
    return tuple(
        Problem(ErrorCode.INVALID_REQUEST, expected, target)
        for target, (value, is_good, expected) in given.items()
        if value is not None and known.get(target, (None,))[0] != value and not is_good(value)
    )


def _places(settings: InstallationRequest) -> dict[str, tuple[str | None, Callable[[str], bool], str]]:
    """Return values by target, each with its rule and what is expected."""
    host = "This must be a host name, for example api.pack.example."
    return {
        "portalUrl": (settings.portal_url, _is_link, _LINK_EXPECTED),
        "tls.serverName": (settings.tls.server_name, lambda value: _HOST.fullmatch(value) is not None, host),
        "proxy.url": (settings.proxy.url if settings.proxy is not None else None, _has_port, _PROXY_EXPECTED),
        "accounts.url": (settings.accounts.url, _is_link, _LINK_EXPECTED),
    }


def _is_link(value: str) -> bool:
    return " " not in value and _has_port(value)


def _has_port(value: str) -> bool:
    """Return whether an address has a port that there is, if it has one."""
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


class StoredInstallation(Document):
    """An installation as it is stored; members of a newer version are left out when they are read."""

    name: str
    settings: InstallationRequest

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        return known_only(cls, value)


def known_only(model: type[Document], value: object) -> object:
    """Return a stored object without members that its model does not know, in the objects within it too."""
    if not isinstance(value, Mapping):
        return value
    by_name = {name: field for key, field in model.model_fields.items() for name in (key, field.alias or key)}
    return {name: _within(by_name[name].annotation, part) for name, part in value.items() if name in by_name}


def _within(annotation: Any, value: object) -> object:  # noqa: ANN401  # any annotation of a field
    from typing import get_args

    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Document):
            return known_only(one, value)
    return value


def is_installation_name(text: str) -> bool:
    """Return whether a text can be the name of an installation."""
    return NAME.fullmatch(text) is not None
