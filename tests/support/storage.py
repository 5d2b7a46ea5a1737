"""Azurite for tests: one that all share, or one for oneself, emptied between two uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local import azurite, bootstrap
from tests.support.ports import take_ports


def clear(connection_string: str) -> None:
    """Delete every table, every queue and every container."""
    with TableServiceClient.from_connection_string(connection_string) as tables:
        for table in list(tables.list_tables()):
            tables.delete_table(table.name)
    with QueueServiceClient.from_connection_string(connection_string) as queues:
        for queue in list(queues.list_queues()):
            queues.delete_queue(queue)
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for container in list(blobs.list_containers()):
            blobs.delete_container(container.name)


class AzuritePool:
    """Azurites in memory, started when they are asked for and kept for the next who asks; `stop` ends them."""

    def __init__(self, folder: Path) -> None:
        bootstrap.ensure_azurite()
        self._folder = folder
        self._free: list[azurite.Azurite] = []
        self._all: list[azurite.Azurite] = []

    @contextmanager
    def lend(self) -> Iterator[azurite.Azurite]:
        """Lend an empty Azurite to one user."""
        one = self._free.pop() if self._free else self._start()
        try:
            yield one
        finally:
            if not one.part.ended():
                clear(one.connection_string)
                self._free.append(one)

    def stop(self) -> None:
        """End all of them."""
        for one in self._all:
            one.stop()

    def _start(self) -> azurite.Azurite:
        one = azurite.start(take_ports(3), self._folder / f"azurite-{len(self._all)}.log")
        self._all.append(one)
        azurite.wait(one)
        return one
