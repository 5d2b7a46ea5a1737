"""A running app whose description is put to the test."""

from collections.abc import Iterator

import pytest

from shared.access.roles import Role
from tests.support.accounts import Accounts
from tests.support.in_process import in_process
from tests.support.partitions import few_partitions
from tests.support.running import Running

ROLES = tuple(str(role) for role in Role)


@pytest.fixture(scope="package", autouse=True)
def _few_partitions() -> Iterator[None]:
    with few_partitions():
        yield


@pytest.fixture(scope="package")
def stack(accounts: Accounts) -> Iterator[Running]:
    """An app in this process, and a copy, a rejected message and their ends in it."""
    with accounts.lend() as account, in_process(account) as one:
        caller = one.caller("Copies.Read", "Copies.Write")
        one.until_ended(caller, caller.post("/restore-point-copies", one.machine().copy()).headers["location"])
        one.send("garbage")
        # Resource Manager's buckets fill with Azure's time: hundreds of calls at one moment would empty them
        one.control("POST", "clock", {"speed": 600})
        yield one
