"""Fixtures of the library's tests: the simulated Azure Pack in the test's own process, over real TLS."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.azure_pack.pack import Pack, running_pack


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine's own proxy stay out of it."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def pack() -> AsyncIterator[Pack]:
    """The sample installation, its clock still until `pass_time`."""
    async with running_pack() as running:
        yield running
