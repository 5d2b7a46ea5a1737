"""Apps with storage in memory."""

from collections.abc import Iterator

import pytest

from tests.support.partitions import few_partitions


@pytest.fixture(scope="package", autouse=True)
def _few_partitions() -> Iterator[None]:
    with few_partitions():
        yield
