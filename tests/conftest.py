"""Real parts for tests: Azurite, and stacks of it, the simulated Azure and the functions host, each in a process of its own."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from local.azurite import Azurite
from tests.support.accounts import Accounts, MemoryAccounts
from tests.support.stacks import Hosts, RunningHost
from tests.support.storage import AzuritePool, clear

# how fast a machine draws and runs an example is no property of what is tested
settings.register_profile("farshore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("check", settings.get_profile("farshore"), max_examples=20)  # local/check.py
settings.load_profile("farshore")

StartHost = Callable[..., RunningHost]
_TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options: `--record-stored` (tests/compatibility/record.py), and the size of what tests/crash and tests/histories draw."""
    parser.addoption("--record-stored", metavar="VERSION", help="record what this version stores (tests/compatibility/record.py)")
    parser.addoption("--histories", type=int, metavar="N", help="size of the tests that draw histories (default: as in CI)")
    parser.addoption("--each-point", action="store_true", help="kill a process at each crash point of each capability (tests/crash)")
    levels = "run the tests of a level of cost (may be repeated), and collect no folder that has none"
    parser.addoption("--level", choices=_LEVELS, action="append", default=[], help=levels)
    parser.addoption("--storage", choices=("memory", "azurite"), default="memory", help="what apps in a test's process store in")
    parser.addoption("--first", type=int, default=0, metavar="SEED", help="seed of the first history (default: %(default)s)")


_STORAGE_FOLDERS = {"contract", "in_process"}
_STACK_FOLDERS = {"compatibility", "crash", "end_to_end"}
_STACK_FIXTURES = {"host"}
_STORAGE_FIXTURES = {"azurites", "accounts"}
_LEVELS = ("unit", "storage", "stack", "slow")
# What each folder has; a folder that is not named may have any. Collecting takes time: of tests/contract as much as of all others.
_UNIT = ("arm", "azure_pack", "data_centers", "failovers", "histories", "in_memory", "installations", "schedules", "values")
_UNIT_OF_COPIES = ("deletions", "policies", "protection", "reconciling", "restores", "retention")
_FOLDERS: dict[str, frozenset[str]] = {
    **dict.fromkeys((*_UNIT, "virtual_machines", *(f"copies/{name}" for name in _UNIT_OF_COPIES)), frozenset({"unit"})),
    **dict.fromkeys(("access", "copies", "infra", "operations", "secrets", "storage", "tenants", "web"), frozenset({"unit", "storage"})),
    "docs": frozenset({"unit", "stack"}),
    "functions": frozenset({"unit", "storage", "stack"}),
    **dict.fromkeys(_STORAGE_FOLDERS, frozenset({"storage"})),
    **dict.fromkeys(_STACK_FOLDERS, frozenset({"stack", "slow"})),
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a folder without tests of the levels that are asked for."""
    levels = config.getoption("level")
    return True if levels and collection_path.is_dir() and not set(levels) & set(_levels_of(collection_path)) else None


def _levels_of(path: Path) -> Collection[str]:
    """Return the levels of the tests in a folder or module."""
    below = path.relative_to(_TESTS) if path.is_relative_to(_TESTS) else Path()
    return next((_FOLDERS[name] for name in map(Path.as_posix, (below, *below.parents)) if name in _FOLDERS), _LEVELS)


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Mark the tests that use Azurite (`storage`) or a whole stack (`stack`), and keep those of the levels that are asked
    for, the cheapest first.

    A module whose own fixtures start a stack marks itself: `pytestmark = pytest.mark.stack`. Raises `UsageError` for a test of a level that
    its folder has not: no run by levels would find it.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder in _STORAGE_FOLDERS or fixtures & _STORAGE_FIXTURES:
            item.add_marker("storage")
        if folder in _STACK_FOLDERS or fixtures & _STACK_FIXTURES:
            item.add_marker("stack")
        if _level(item) not in _levels_of(item.path):
            raise pytest.UsageError(f"{item.nodeid} is of level {_level(item)}: add that to its folder in tests/conftest.py")
    if levels := config.getoption("level"):
        config.hook.pytest_deselected(items=[item for item in items if _level(item) not in levels])
        items[:] = sorted((item for item in items if _level(item) in levels), key=lambda item: _LEVELS.index(_level(item)))


def _level(item: pytest.Item) -> str:
    marks = {mark.name for mark in item.iter_markers()}
    if "stack" in marks:
        return "slow" if "slow" in marks else "stack"
    return "storage" if "storage" in marks else "unit"


@pytest.fixture(scope="session")
def azurites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuritePool]:
    """Azurites to borrow, for tests that need one for themselves or several."""
    pool = AzuritePool(tmp_path_factory.mktemp("azurite"))
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def accounts(request: pytest.FixtureRequest) -> Iterator[Accounts]:
    """Storage accounts for apps in the test's process: in memory, or of Azurites with `--storage azurite`."""
    if request.config.getoption("--storage") == "azurite":
        yield request.getfixturevalue("azurites")
        return
    with MemoryAccounts().serve() as pool:
        yield pool


@pytest.fixture(scope="session")
def azurite(azurites: AzuritePool) -> Iterator[Azurite]:
    """A real Azurite, in memory, that all tests share: `.connection_string`, `.port`. Its names are used by others too."""
    with azurites.lend() as one:
        yield one


@pytest.fixture
def empty_azurite(azurites: AzuritePool) -> Iterator[Azurite]:
    """A real Azurite for this test alone, without any table or queue."""
    with azurites.lend() as one:
        clear(one.connection_string)
        yield one


@pytest_asyncio.fixture
async def host(tmp_path: Path, azurites: AzuritePool) -> AsyncIterator[StartHost]:
    """Starts stacks (`Hosts`), which are stopped at the test's end."""
    hosts = Hosts(tmp_path, azurites)
    yield hosts.start
    for client in hosts.clients:
        await client.close()
    hosts.stop()
