"""What the tests of HTTP share."""

from collections.abc import AsyncIterator

import pytest

from tests.web.kit import App, Issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that publishes its keys."""
    async with Issuer().serve() as served:
        yield served


@pytest.fixture
def app(issuer: Issuer) -> App:
    """The composition under that issuer."""
    return App(issuer.url)
