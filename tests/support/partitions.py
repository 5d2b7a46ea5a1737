"""Few partitions of the table of operations, for apps that run in the process of their tests.

A tick asks each partition, whether anything is due there or not: of what such an app does while its clock moves, this was the largest part.
How many partitions there are, and that ticks and lists look at all of them, is tested in `tests/operations`; stacks have all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from shared.operations.model import identity

_FEW: Final = 2  # more than one: what one partition has is not in another


@contextmanager
def few_partitions() -> Iterator[None]:
    """Let apps that begin and end within the context use two partitions."""
    with patch.object(identity, "SHARDS", _FEW):
        yield
