"""Tables of an Azurite, a new one for each test."""

import itertools
from collections.abc import AsyncIterator

import pytest

from local.azurite import Azurite
from shared.storage.tables import Storage, Table, connect

_numbers = itertools.count(1)


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[Storage]:
    """A storage account."""
    storage = connect(azurite.connection_string)
    yield storage
    await storage.close()


@pytest.fixture
async def table(account: Storage) -> Table:
    """An empty table."""
    name = f"documents{next(_numbers)}"
    await account.create([name], [])
    return account.table(name)
