"""The running apps of this folder, in the test's own process; each has in Azure the rights that a deployment gives it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.in_process.things import Things, things_of_fabrikam
from tests.infra.rights import narrow
from tests.support.accounts import Accounts
from tests.support.api import Caller
from tests.support.clouds import Place
from tests.support.in_process import in_process
from tests.support.partitions import few_partitions
from tests.support.running import READ_WRITE, Running
from tests.support.sharing import Shared
from tests.support.sites import Shelf, Sites


@pytest.fixture(scope="package", autouse=True)
def _few_partitions() -> Iterator[None]:
    with few_partitions():
        yield


@pytest.fixture(scope="package")
def stack(accounts: Accounts) -> Iterator[Running]:
    """An app with many machines to copy."""

    def change(estate: dict[str, Any], _now: datetime) -> None:
        narrow(estate)

    with accounts.lend() as account, in_process(account, change=change) as one:
        yield one


@pytest.fixture(scope="package")
def sites_stack(accounts: Accounts) -> Iterator[Sites]:
    """An app with many protected items."""
    shelf = Shelf()

    def change(estate: dict[str, Any], now: datetime) -> None:
        shelf.fill(estate, now)
        narrow(estate)

    with accounts.lend() as account, in_process(account, change=change) as one:
        yield Sites(one, shelf)


@pytest.fixture
def sites(sites_stack: Sites) -> Iterator[Sites]:
    """The app with many protected items, without faults."""
    yield sites_stack
    sites_stack.stack.control("DELETE", "faults")


@pytest.fixture
def contoso(stack: Running) -> Caller:
    """A caller of contoso's who may read and write copies."""
    return stack.caller(*READ_WRITE)


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").control("DELETE", "faults")


@pytest.fixture
def full_bucket(stack: Running) -> None:
    """Let time pass before a test: Azure lets so many reads through and no more while its clock does not run."""
    stack.advance("PT2M")


@pytest.fixture(scope="package")
def started(accounts: Accounts) -> Iterator[Place]:
    """An app with a vault that tenants share."""
    shared = Shared()
    with accounts.lend() as account, in_process(account, change=shared.fill) as stack:
        yield Place(stack, shared)


@pytest.fixture
def place(started: Place) -> Place:
    """The stack; Azure lets so many reads through and no more while its clock does not run."""
    started.stack.advance("PT2M")
    return started


@pytest.fixture
def blue(place: Place) -> Caller:
    """A person of a tenant's that has nothing but a cloud in the provider's vault; Admin counts for nothing there."""
    return place.person()


@pytest.fixture(scope="package")
def theirs(sites_stack: Sites) -> Iterator[Things]:
    """What fabrikam has, for the tests of wrong tenants: its copies can be started once."""
    with things_of_fabrikam(sites_stack) as things:
        yield things
