"""A core over a real Azurite, with tables of its own for each test."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import hypothesis
import pytest

from local import azurite
from local.azurite import Azurite
from tests.operations.kit import Core, make_core
from tests.support.ports import take_ports
from tests.support.storage import AzuritePool
from tests.support.storage_proxy import StorageProxy

hypothesis.settings.register_profile("farshore", deadline=None)  # other work on the machine is no defect
hypothesis.settings.load_profile("farshore")

Another = Callable[..., Core]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def own_azurite(
    azurites: AzuritePool,  # noqa: ARG001  # marks its tests `storage`, see tests/conftest.py
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Azurite]:
    """An Azurite whose queues no other test uses; not one of the pool, for emptying a thousand tables takes longer than a start."""
    one = azurite.start(take_ports(3), tmp_path_factory.mktemp("azurite") / "operations.log")
    try:
        azurite.wait(one)
        yield one
    finally:
        one.stop()


@pytest.fixture
async def core(own_azurite: Azurite) -> AsyncIterator[Core]:
    """One process of the app, its tables and queues empty."""
    made = make_core(own_azurite.connection_string, f"x{next(_numbers)}")
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
async def another(own_azurite: Azurite, core: Core) -> AsyncIterator[Another]:
    """Makes further processes of the same app: `another()`, or `another(proxy.connection_string)` for one with the proxy before storage."""
    made: list[Core] = []

    def make(connection_string: str | None = None) -> Core:
        made.append(make_core(connection_string or own_azurite.connection_string, core.suffix, toys=core.toys, clock=core.clock))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def proxy(own_azurite: Azurite) -> Iterator[StorageProxy]:
    """A proxy before the Azurite, through which storage fails as a test sets it."""
    with StorageProxy(own_azurite.port) as one:
        yield one
