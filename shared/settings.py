"""The settings, checked once at the start: a wrong one stops the start with its name and what was expected."""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.values.durations import parse_duration
from shared.values.reading import is_guid


def _split(value: object) -> object:
    """Return the parts of a comma-separated text, without empty ones; any other value as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _guid_or_none(value: str | None) -> str | None:
    """Return a GUID in lower case, None for an empty text; raises `ValueError` for another text."""
    if not value:
        return None
    if not is_guid(value):
        raise ValueError("this must be a GUID, such as 11111111-0000-4000-8000-000000000001")
    return value.lower()


def _lifetime(value: object) -> object:
    """Return a duration from an hour to 30 days; raises `ValueError` for another value."""
    if isinstance(value, timedelta):
        return value
    span = parse_duration(str(value))
    if not timedelta(hours=1) <= span <= timedelta(days=30):
        raise ValueError("this must be a duration from PT1H to P30D")
    return span


def _reconcile(value: object) -> object:
    """Return a duration from an hour to two days; raises `ValueError` for another value."""
    if isinstance(value, timedelta):
        return value
    span = parse_duration(str(value))
    if not timedelta(hours=1) <= span <= timedelta(days=2):
        raise ValueError("this must be a duration from PT1H to P2D")
    return span


class Destination(StrEnum):
    """Where telemetry goes when there is no Application Insights."""

    NONE = "none"
    CONSOLE = "console"
    OTLP = "otlp"


class Settings(BaseModel):
    """Everything that differs between one deployment and another. Each field is an environment variable of the name given."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    storage_connection: str | None = Field(
        None,
        validation_alias="AzureWebJobsStorage",
        description="Connection string of the storage account; only for Azurite and its public key. Empty in Azure.",
    )
    queue_service_uri: str | None = Field(
        None,
        validation_alias="AzureWebJobsStorage__queueServiceUri",
        description="Queue endpoint of the storage account, reached with the app's identity.",
    )
    table_service_uri: str | None = Field(
        None,
        validation_alias="AzureWebJobsStorage__tableServiceUri",
        description="Table endpoint of the storage account, reached with the app's identity.",
    )
    blob_service_uri: str | None = Field(
        None,
        validation_alias="AzureWebJobsStorage__blobServiceUri",
        description="Blob endpoint of the storage account, reached with the app's identity; it takes the anchors of audit trails.",
    )
    identity_client_id: str | None = Field(
        None, validation_alias="AZURE_CLIENT_ID", description="Client id of the user-assigned identity; empty for the system's."
    )
    resource_manager_url: str = Field(
        "https://management.azure.com",
        validation_alias="AZURE_RESOURCE_MANAGER_URL",
        pattern=r"^https?://[^/]+$",
        description="Endpoint of Azure Resource Manager, without a trailing slash; another one in sovereign clouds.",
    )
    public_base_url: str | None = Field(
        None,
        validation_alias="PUBLIC_BASE_URL",
        pattern=r"^https?://[^/]+$",
        description="Scheme and host under which callers reach the app, without a trailing slash; else the request's own host.",
    )
    clock_url: str | None = Field(
        None,
        validation_alias="FARSHORE_CLOCK_URL",
        pattern=r"^(https?://.*)?$",
        description="Address of the clock of a simulated Azure; empty in Azure, where the machine's clock is used.",
    )
    auth_audiences: Names = Field(
        (),
        validation_alias="AUTH_AUDIENCES",
        description="Audiences that an access token may carry, comma-separated: the app's client id and its api:// form.",
    )
    auth_issuers: Names = Field(
        ("https://login.microsoftonline.com/{tenantId}/v2.0", "https://sts.windows.net/{tenantId}/"),
        validation_alias="AUTH_ISSUERS",
        description="Issuers of access tokens, comma-separated; {tenantId} is replaced by the token's Entra tenant.",
    )
    auth_keys_url: str = Field(
        "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        validation_alias="AUTH_KEYS_URL",
        pattern=r"^https?://",
        description="The issuer's signing keys (JSON Web Key Set).",
    )
    provider_tenant_id: Annotated[str | None, AfterValidator(_guid_or_none)] = Field(
        None,
        validation_alias="FARSHORE_PROVIDER_TENANT_ID",
        description="Entra tenant, a GUID, whose callers may register the provider; without effect once there is a provider.",
    )
    registry_table_uri: str | None = Field(
        None,
        validation_alias="FARSHORE_REGISTRY_TABLE_URI",
        pattern=r"^(https?://.*)?$",
        description="Table endpoint of the storage account that has the tenant registry; empty: the app's own account.",
    )
    key_vault_suffix: str = Field(
        "vault.azure.net",
        validation_alias="FARSHORE_KEY_VAULT_SUFFIX",
        description="End of the host names of key vaults; other clouds have others. On an emulator the whole beginning of their URLs.",
    )
    key_vault_url: str | None = Field(
        None,
        validation_alias="FARSHORE_KEY_VAULT_URL",
        pattern=r"^(https?://[^?#]+)?$",
        description="The app's own key vault, where the secrets of requests are stored; empty: plain secrets are refused.",
    )
    one_time_secret_lifetime: Annotated[timedelta, BeforeValidator(_lifetime)] = Field(
        timedelta(days=7),
        validation_alias="FARSHORE_ONE_TIME_SECRET_LIFETIME",
        description="How long a one-time link of a data center's password can be opened, PT1H to P30D.",
    )
    queue_roles: Annotated[
        tuple[Literal["Copies.Read", "Copies.Write", "Failovers.Read", "Failovers.Execute", "Tenants.Read", "Tenants.Write"], ...],
        BeforeValidator(_split),
    ] = Field(
        ("Copies.Write", "Failovers.Execute", "Tenants.Write"),
        validation_alias="FARSHORE_QUEUE_ROLES",
        description="Roles that senders to an intake queue have, comma-separated; never an approving role or Admin.",
    )
    application_insights: str | None = Field(
        None,
        validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
        description="Where Application Insights takes telemetry, with the app's identity; empty: see FARSHORE_TELEMETRY.",
    )
    telemetry: Destination = Field(
        Destination.NONE,
        validation_alias="FARSHORE_TELEMETRY",
        description="Telemetry without Application Insights: none, console, or otlp (to OTEL_EXPORTER_OTLP_ENDPOINT).",
    )
    trace_share: float = Field(
        0.1,
        ge=0,
        le=1,
        validation_alias="FARSHORE_TRACE_SHARE",
        description="Share of the traces kept, 0 to 1; metrics are whole.",
    )
    capabilities: Names = Field(
        (),
        validation_alias="FARSHORE_CAPABILITIES",
        description="Capabilities that this app serves, comma-separated; empty: all of them. Each app has its own identity.",
    )
    budget_share: float = Field(
        0.5,
        gt=0,
        le=1,
        validation_alias="FARSHORE_BUDGET_SHARE",
        description="Farshore's share of Resource Manager's call budget, 0 to 1.",
    )
    calls_in_flight: int = Field(
        64,
        ge=1,
        le=512,
        validation_alias="FARSHORE_CALLS_IN_FLIGHT",
        description="The most calls to Azure that one process makes at the same time.",
    )
    copies_in_flight: int = Field(
        0,
        ge=0,
        le=10000,
        validation_alias="FARSHORE_COPIES_IN_FLIGHT",
        description="The most copies that run at the same time to one subscription and region; with 0 all start.",
    )
    inventory: Literal["resourceGraph", "listing"] = Field(
        "resourceGraph",
        validation_alias="FARSHORE_INVENTORY",
        description="How copy policies find their VMs: by Azure Resource Graph, or by listing each subscription.",
    )
    retention: Literal["on", "off"] = Field(
        "on",
        validation_alias="FARSHORE_RETENTION",
        description="Whether the retention of copy policies deletes copies; off stops every deletion of it.",
    )
    reconcile: Annotated[timedelta, BeforeValidator(_reconcile)] = Field(
        timedelta(hours=24),
        validation_alias="FARSHORE_RECONCILE",
        description="How often the ledger of each VM's copies is compared with Azure, PT1H to P2D.",
    )
    lease_seconds: float = Field(
        90,
        gt=0,
        le=600,
        validation_alias="FARSHORE_LEASE_SECONDS",
        description="How long a step owns its operation, wall-clock seconds.",
    )
    crash_point: str | None = Field(
        None,
        validation_alias="FARSHORE_CRASH_POINT",
        description="Test only: a folder of files named as the points at which a process ends itself.",
    )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings in an environment, whatever the case of its names; raises `pydantic.ValidationError` naming a wrong one."""
    by_name = {name.upper(): value for name, value in environment.items()}
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    return Settings.model_validate({name: by_name[name.upper()] for name in names if name.upper() in by_name})


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process's settings, read from the environment once; raises `pydantic.ValidationError` naming a wrong one."""
    return read_settings(os.environ)
