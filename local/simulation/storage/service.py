"""The routes of Microsoft.Storage, and its registration."""

from local.simulation.arm.call import Route
from local.simulation.arm.service import Service
from local.simulation.storage import responses
from local.simulation.storage.models import StorageState

_VERSIONS = ("2022-09-01", "2023-01-01", "2023-04-01", "2023-05-01", "2024-01-01", "2025-01-01")

ROUTES = (
    Route(
        "GET",
        "/subscriptions/*/resourcegroups/*/providers/microsoft.storage/storageaccounts/*",
        "StorageAccounts_GetProperties",
        f"{responses.STORAGE}/read",
        responses.get_account,
        responses.STORAGE,
        _VERSIONS,
    ),
    Route(
        "GET",
        "/subscriptions/*/providers/microsoft.storage/storageaccounts",
        "StorageAccounts_List",
        f"{responses.STORAGE}/read",
        responses.list_accounts,
        responses.STORAGE,
        _VERSIONS,
    ),
)

SERVICE = Service("Microsoft.Storage", ROUTES, StorageState, lists=("storageAccounts",))
