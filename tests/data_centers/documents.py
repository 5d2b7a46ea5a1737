"""Tenants, the installation and orders of the bench of data centers."""

from typing import Any

from local.simulation.azure_pack.sample import PASSWORD
from tests.data_centers.transport import HOST
from tests.support.secrets import OWN

Json = dict[str, Any]
PROVIDER, TENANT, OTHER = "provider", "northwind", "contoso"
WRITER = (PROVIDER, "Tenants.Write", "Tenants.Read", "Admin")


def entra(number: int) -> str:
    """Return the Entra tenant of a tenant of the bench."""
    return f"{number:08d}-0000-4000-8000-000000000000"


TENANTS: list[Json] = [
    {"name": PROVIDER, "displayName": "Provider", "kind": "provider", "tenantId": entra(1)},
    {"name": TENANT, "displayName": "Northwind", "kind": "tenant", "tenantId": entra(2), "backend": "azurePack"},
    {"name": OTHER, "displayName": "Contoso", "kind": "tenant", "tenantId": entra(3)},
]


def installation(**changes: Any) -> Json:
    """Return the document of the simulated installation, with the accounts service."""
    return {
        "adminApi": f"{HOST}:30004",
        "tenantPublicApis": [f"{HOST}:30006"],
        "portalUrl": "https://portal.pack.example",
        "signIn": {
            "mode": "adfs", "windowsAuthEndpoint": f"{HOST}:30009", "domain": "PACK", "userName": "farshore",
            "password": {"value": PASSWORD},
        },
        "accounts": {"mode": "hook", "url": f"{HOST}:30010", "token": {"keyVaultSecretId": f"{OWN}/secrets/incoming-hook"}},
        **changes,
    }  # fmt: skip


def order(**changes: Any) -> Json:
    """Return an order."""
    return {
        "plan": "Gold",
        "user": {"name": "ada@northwind.example"},
        "resources": {"vmCount": 4, "cpuCount": 8, "memoryMB": 16384, "storageGB": 500},
        **changes,
    }
