"""The running stack of this folder, stopped with its last test; its app has in Azure the rights that a deployment gives it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.infra.rights import narrow
from tests.support.api import Caller
from tests.support.running import READ_WRITE, Running, running
from tests.support.sites import Shelf, Sites
from tests.support.storage import AzuritePool


@pytest.fixture(scope="package")
def sites(azurites: AzuritePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """A stack with two workers, many machines and many protected items."""
    shelf = Shelf()

    def change(estate: dict[str, Any], now: datetime) -> None:
        shelf.fill(estate, now)
        narrow(estate)

    with azurites.lend() as azurite, running(tmp_path_factory.mktemp("running"), azurite, change=change) as one:
        yield Sites(one, shelf)


@pytest.fixture
def stack(sites: Sites) -> Running:
    """The stack itself."""
    return sites.stack


@pytest.fixture
def contoso(stack: Running) -> Caller:
    """A caller of contoso's who may read and write copies."""
    return stack.caller(*READ_WRITE)
