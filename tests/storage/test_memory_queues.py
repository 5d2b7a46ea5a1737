"""The queues in memory of in-process apps answer as Azurite does."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueServiceClient

from local.azurite import Azurite
from tests.support.memory_queues import MemoryQueueAccount, MemoryQueueService

_numbers = itertools.count(1)


@pytest.fixture(params=["azurite", "memory"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A queue that has not been created, of a real Azurite or in memory."""
    service: Any
    if request.param == "memory":
        service = MemoryQueueService(MemoryQueueAccount())
    else:
        azurite: Azurite = request.getfixturevalue("azurite")
        service = QueueServiceClient.from_connection_string(azurite.connection_string, use_env_settings=False)
    yield service.get_queue_client(f"memory{next(_numbers)}")
    await service.close()


async def receive(queue: Any, most: int, hidden: int = 30) -> list[QueueMessage]:
    """Receive one page, as the host does."""
    async for page in queue.receive_messages(messages_per_page=most, visibility_timeout=hidden).by_page():
        return [message async for message in page]
    return []


def numbers_of(messages: list[QueueMessage]) -> list[tuple[str, int | None]]:
    return [(str(message.content), message.dequeue_count) for message in messages]


async def test_a_queue_that_was_not_created_is_not_found(queue: Any) -> None:
    for call in (queue.send_message("a"), receive(queue, 1), queue.peek_messages()):
        with pytest.raises(ResourceNotFoundError):
            await call


async def test_messages_are_hidden_while_they_are_worked_and_shown_again(queue: Any) -> None:
    await queue.create_queue()
    for text in ("a", "b", "c"):
        await queue.send_message(text, time_to_live=-1)
    assert [(one.content, one.dequeue_count) for one in await queue.peek_messages(max_messages=5)] == [("a", 0), ("b", 0), ("c", 0)]
    first = await receive(queue, 2)
    assert numbers_of(first) == [("a", 1), ("b", 1)]
    assert all(message.id and message.inserted_on and message.expires_on and message.next_visible_on for message in first)
    assert [one.content for one in await queue.peek_messages(max_messages=5)] == ["c"]
    await queue.update_message(first[0], visibility_timeout=0)
    again = await receive(queue, 5)
    assert sorted(numbers_of(again)) == [("a", 2), ("c", 1)]
    await queue.delete_message(first[1])
    for old in (first[0], first[1]):  # received again, and deleted
        with pytest.raises(HttpResponseError) as refused:
            await queue.delete_message(old)
        assert refused.value.status_code in {400, 404}
    for message in again:
        await queue.delete_message(message)
    assert await receive(queue, 5) == []


async def test_each_message_comes_once_page_by_page(queue: Any) -> None:
    await queue.create_queue()
    for number in range(5):
        await queue.send_message(str(number), time_to_live=-1)
    found = [message.content async for message in queue.receive_messages(messages_per_page=2, visibility_timeout=30, max_messages=4)]
    assert found == ["0", "1", "2", "3"]


async def test_a_message_has_at_most_64_kib(queue: Any) -> None:
    await queue.create_queue()
    await queue.send_message("x" * 64 * 1024, time_to_live=-1)
    with pytest.raises(HttpResponseError):
        await queue.send_message("x" * (64 * 1024 + 1), time_to_live=-1)
