"""A registry in a table of an Azurite, a new one for each test."""

import itertools
from collections.abc import AsyncIterator

import pytest

from local.azurite import Azurite
from shared.storage.tables import connect
from tests.access.writing import Written
from tests.support.clocks import ManualClock

_numbers = itertools.count(1)


@pytest.fixture
async def written(azurite: Azurite) -> AsyncIterator[Written]:
    """An empty registry that can be written."""
    storage = connect(azurite.connection_string)
    name = f"registry{next(_numbers)}"
    await storage.create([name], [])
    yield Written(storage.table(name), ManualClock())
    await storage.close()
