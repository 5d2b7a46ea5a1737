"""Tenants and hosting plans over a table of an Azurite, with callers of their own."""

import itertools
from collections.abc import AsyncIterator

import pytest

from local.azurite import Azurite
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.clock import RandomIds
from shared.operations.model.store import Store
from shared.storage.tables import connect
from tests.support.clocks import ManualClock
from tests.tenants.kit import Documents, make_documents

_numbers = itertools.count(1)


@pytest.fixture
async def documents(azurite: Azurite) -> AsyncIterator[Documents]:
    """An empty registry."""
    storage = connect(azurite.connection_string)
    number, clock = next(_numbers), ManualClock()
    names = [f"tenants{number}", f"tenantops{number}", f"tenantpacks{number}"]
    await storage.create(names, [])
    store = Store(storage.table(names[1]), clock, RandomIds())
    yield make_documents(storage.table(names[0]), store, AzurePackSubscriptions(storage.table(names[2])), clock)
    await storage.close()
