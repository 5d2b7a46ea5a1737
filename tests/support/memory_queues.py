"""Queues in memory with what the host, the app and tests use of the SDK's clients: visibility, receipts, delivery counts, poison queues.

What they do is compared with Azurite in `tests/storage/test_memory_queues.py`. They may be used from several threads.
"""

import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import uuid4

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage

_LARGEST: Final = 64 * 1024
_NEVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_HIDDEN: Final = 30


@dataclass(frozen=True, slots=True)
class _Message:
    id: str
    content: str
    inserted: datetime
    visible: datetime
    receipt: str = ""
    count: int = 0

    def shown(self) -> QueueMessage:
        """Return it as the SDK does."""
        message = QueueMessage(content=self.content)
        message.id, message.pop_receipt, message.dequeue_count = self.id, self.receipt, self.count
        message.inserted_on, message.next_visible_on, message.expires_on = self.inserted, self.visible, _NEVER
        return message


class MemoryQueue:
    """One queue, which has to be created before it is used."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.exists = False
        self._now = now
        self._lock = threading.RLock()
        self._messages: dict[str, _Message] = {}
        self._receipts = itertools.count(1)

    def create(self) -> None:
        """Create it, if it is not there."""
        self.exists = True

    def send(self, content: str) -> QueueMessage:
        """Add a message; raises `HttpResponseError` for one of more than 64 KiB."""
        self._check()
        if len(content.encode("utf-8", "surrogatepass")) > _LARGEST:
            raise _refusal(413, "RequestBodyTooLarge")
        with self._lock:
            now = self._now()
            message = _Message(str(uuid4()), content, now, now, self._receipt())
            self._messages[message.id] = message
            return message.shown()

    def receive(self, most: int, hidden: int = _HIDDEN) -> list[QueueMessage]:
        """Hide messages that are visible, the oldest first, and return them."""
        self._check()
        if not self._messages:
            return []
        with self._lock:
            until = self._now() + timedelta(seconds=hidden)
            taken = [replace(one, visible=until, receipt=self._receipt(), count=one.count + 1) for one in self._visible(most)]
            self._messages.update((one.id, one) for one in taken)
            return [one.shown() for one in taken]

    def peek(self, most: int) -> list[QueueMessage]:
        """Return messages that are visible, the oldest first."""
        self._check()
        with self._lock:
            return [one.shown() for one in self._visible(most)]

    def update(self, message_id: str, receipt: str, hidden: int) -> QueueMessage:
        """Hide a message anew; raises `ResourceNotFoundError` for one that is gone or was received again."""
        with self._lock:
            found = self._held(message_id, receipt)
            changed = replace(found, visible=self._now() + timedelta(seconds=hidden), receipt=self._receipt())
            self._messages[message_id] = changed
            return changed.shown()

    def delete(self, message_id: str, receipt: str) -> None:
        """Delete a message; raises as `update`."""
        with self._lock:
            self._held(message_id, receipt)
            del self._messages[message_id]

    def clear(self) -> None:
        """Delete all messages."""
        self._messages.clear()

    def count(self) -> int:
        """Return how many messages there are, hidden ones too."""
        return len(self._messages)

    def _visible(self, most: int) -> list[_Message]:
        now = self._now()
        return list(itertools.islice((one for one in self._messages.values() if one.visible <= now), most))

    def _held(self, message_id: str, receipt: str) -> _Message:
        self._check()
        found = self._messages.get(message_id)
        if found is None or found.receipt != receipt:
            raise _refusal(404, "MessageNotFound", ResourceNotFoundError)
        return found

    def _receipt(self) -> str:
        return f"r{next(self._receipts)}"

    def _check(self) -> None:
        if not self.exists:
            raise _refusal(404, "QueueNotFound", ResourceNotFoundError)


def _refusal(status: int, code: str, kind: type[HttpResponseError] = HttpResponseError) -> HttpResponseError:
    error = kind(f"ErrorCode:{code}")
    error.status_code = status
    return error


class MemoryQueueAccount:
    """The queues of an account, with what `shared.storage.tables.Queues` offers; their messages are hidden by the machine's time."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._queues: dict[str, MemoryQueue] = {}

    def of(self, name: str) -> MemoryQueue:
        """Return a queue, which may not have been created."""
        return self._queues.setdefault(name, MemoryQueue(self._now))

    def names(self) -> list[str]:
        """Return the names of those that were created."""
        return sorted(name for name, queue in self._queues.items() if queue.exists)

    def client(self, queue: str) -> "AsyncQueue":
        """Return the client of a queue."""
        return AsyncQueue(queue, self.of(queue))

    async def send(self, queue: str, text: str) -> None:
        """Put a message on a queue."""
        self.of(queue).send(text)

    async def oldest(self, queue: str) -> datetime | None:
        """Return when the message at the front of a queue was put there; None where no message is visible."""
        messages = self.of(queue).peek(1)
        return messages[0].inserted_on if messages else None


class MemoryQueueService:
    """What the host uses of the SDK's asynchronous service client."""

    def __init__(self, account: MemoryQueueAccount) -> None:
        self._account = account

    def get_queue_client(self, name: str) -> "AsyncQueue":
        """Return the client of a queue."""
        return self._account.client(name)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class AsyncQueue:
    """What the host and the app use of the SDK's asynchronous client of a queue."""

    def __init__(self, name: str, queue: MemoryQueue) -> None:
        self.queue_name = name
        self._queue = queue

    async def create_queue(self) -> None:
        """Create the queue."""
        self._queue.create()

    async def send_message(self, content: str, **_: object) -> QueueMessage:
        """Put a message on the queue."""
        return self._queue.send(content)

    async def peek_messages(self, max_messages: int = 1) -> list[QueueMessage]:
        """Return messages that are visible."""
        return self._queue.peek(max_messages)

    def receive_messages(
        self, *, messages_per_page: int = 1, visibility_timeout: int = _HIDDEN, max_messages: int | None = None, **_: object
    ) -> "_Received":
        """Receive messages, page by page."""
        return _Received(lambda most: self._queue.receive(most, visibility_timeout), messages_per_page, max_messages)

    async def update_message(self, message: QueueMessage, *, visibility_timeout: int) -> QueueMessage:
        """Hide a message anew, or show it."""
        return self._queue.update(str(message.id), str(message.pop_receipt), visibility_timeout)

    async def delete_message(self, message: QueueMessage) -> None:
        """Delete a message that was received."""
        self._queue.delete(str(message.id), str(message.pop_receipt))


@dataclass(frozen=True, slots=True)
class _Received:
    """The messages of a queue as the SDK pages them: a page is asked for when the one before is used up."""

    receive: Callable[[int], list[QueueMessage]]
    page: int
    most: int | None

    async def __aiter__(self) -> AsyncIterator[QueueMessage]:
        async for page in self.by_page():
            async for message in page:
                yield message

    async def by_page(self) -> AsyncIterator[AsyncIterator[QueueMessage]]:
        """Yield pages until one is empty."""
        left = self.most
        while left is None or left > 0:
            found = self.receive(self.page if left is None else min(self.page, left))
            if not found:
                return
            left = None if left is None else left - len(found)
            yield _each(found)


async def _each(found: list[QueueMessage]) -> AsyncIterator[QueueMessage]:
    for message in found:
        yield message


class QueueOfTest:
    """What tests use of the SDK's client of a queue."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def create_queue(self) -> None:
        """Create the queue."""
        self._queue.create()

    def send_message(self, content: str) -> QueueMessage:
        """Put a message on the queue."""
        return self._queue.send(content)

    def receive_messages(self, *, messages_per_page: int = 1) -> Iterator[QueueMessage]:
        """Receive the messages that are visible."""
        while found := self._queue.receive(messages_per_page):
            yield from found

    def peek_messages(self, max_messages: int = 1) -> list[QueueMessage]:
        """Return messages that are visible."""
        return self._queue.peek(max_messages)

    def delete_message(self, message: QueueMessage) -> None:
        """Delete a message that was received."""
        self._queue.delete(str(message.id), str(message.pop_receipt))

    def clear_messages(self) -> None:
        """Delete all messages."""
        self._queue.clear()

    def get_queue_properties(self) -> Any:
        """Return the properties: `approximate_message_count`."""
        return _Properties(self._queue.count())


@dataclass(frozen=True, slots=True)
class _Properties:
    approximate_message_count: int
