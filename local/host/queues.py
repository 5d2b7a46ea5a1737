"""Queue triggers: polling, hiding, renewing, deleting, and the poison queue, as the real host does it (docs/azure/functions-host.md)."""

import asyncio
import base64
import binascii
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from typing import Final

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.queue import QueueMessage as TriggerMessage
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.index import Function
from local.host.invocations import Activity, Invoker
from local.host.settings import QueueSettings

#: Seconds of wall time, renewed at half of them: what a killed worker hid stays hidden for so long. Crash tests shorten it.
HIDDEN_WHILE_RUNNING: Final = int(os.environ.get("LOCAL_HOST_HIDDEN_SECONDS", "600"))
_FIRST_PAUSE: Final = 0.1
_PAUSE_AFTER_FAULT: Final = 1.0
_POISON_SUFFIX: Final = "-poison"
_NEVER_EXPIRES: Final = -1

_log = logging.getLogger(__name__)


class QueueListener:
    """Works the messages of one function's queue in this process."""

    def __init__(
        self, function: Function, service: QueueServiceClient, settings: QueueSettings, invoke: Invoker, activity: Activity
    ) -> None:
        self._function = function
        self._service = service
        self._queue: QueueClient = service.get_queue_client(function.binding["queueName"])
        self._settings = settings
        self._invoke = invoke
        self._activity = activity
        self._polling = asyncio.Lock()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self) -> None:
        """Poll until `stop`: at once after a message, ever more rarely while there is none."""
        pause = _FIRST_PAUSE
        while not self._stopping:
            self._wake.clear()
            try:
                found = await self.poll()
            except Exception:  # whatever it was, a worker whose queue is never read again would be worse
                _log.warning("the queue %s could not be read", self._queue.queue_name, exc_info=True)
                await self._rest(_PAUSE_AFTER_FAULT)
                continue
            if found:
                pause = _FIRST_PAUSE
                await self._room.wait()
            else:
                await self._rest(pause)
                pause = min(pause * 2, self._settings.max_polling_interval)

    async def fetched(self) -> None:
        """Wait for the fetch that is under way, if one is."""
        async with self._polling:
            return

    def wake(self) -> None:
        """End the current pause between two polls."""
        self._wake.set()

    def stop(self) -> None:
        """Poll no more; messages that are being worked go on."""
        self._stopping = True
        self.wake()

    async def poll(self) -> bool:
        """Fetch a batch, if there is room, and start on it; True unless the queue was seen empty.

        Raises `AzureError` where the storage does not answer. A queue that does not exist counts as empty.
        """
        async with self._polling:
            if self._stopping:
                return False
            if not self._room.is_set():
                return True
            try:
                batch = [message async for message in self._batch()]
            except ResourceNotFoundError:
                return False
            for message in batch:
                task = asyncio.create_task(self._counted(message))
                self._running.add(task)
                task.add_done_callback(self._ended)
            self._measure()
            await asyncio.sleep(0)  # each begins and is counted before anybody can ask whether the worker is idle
            return bool(batch)

    async def _batch(self) -> AsyncIterator[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._settings.batch_size,
            visibility_timeout=HIDDEN_WHILE_RUNNING,
            retry_total=0,  # the next poll is the retry; a second try could hide a batch that the first one fetched
        ).by_page()
        async for page in pages:
            async for message in page:
                yield message
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._measure()

    def _measure(self) -> None:
        if len(self._running) <= self._settings.new_batch_threshold:
            self._room.set()
        else:
            self._room.clear()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _counted(self, message: QueueMessage) -> None:
        with self._activity.one():
            self._activity.messages += 1
            renewal = asyncio.create_task(self._renew(message))
            try:
                await self._work(message)
            except (AzureError, OSError) as error:
                # It shows again when its time is up: delivered at least once.
                _log.warning("message %s of %s could not be moved to its poison queue: %s", message.id, self._queue.queue_name, error)
            finally:
                renewal.cancel()

    async def _work(self, message: QueueMessage) -> None:
        try:
            await self._invoke(self._function, self._trigger(message))
        except Exception:
            _log.exception("%s failed with message %s, delivery %s", self._function.name, message.id, message.dequeue_count)
            await self._put_back(message)
        else:
            await self._queue.delete_message(message)

    async def _put_back(self, message: QueueMessage) -> None:
        if (message.dequeue_count or 1) < self._settings.max_dequeue_count:
            await self._queue.update_message(message, visibility_timeout=int(self._settings.visibility_timeout))
            return
        poison = self._service.get_queue_client(self._queue.queue_name + _POISON_SUFFIX)
        try:
            await poison.send_message(message.content, time_to_live=_NEVER_EXPIRES)
        except ResourceNotFoundError:
            await poison.create_queue()
            await poison.send_message(message.content, time_to_live=_NEVER_EXPIRES)
        _log.error("message %s failed %s times: now in %s", message.id, message.dequeue_count, poison.queue_name)
        await self._queue.delete_message(message)

    async def _renew(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(HIDDEN_WHILE_RUNNING / 2)
            with contextlib.suppress(AzureError, OSError):  # the next renewal still comes in time
                renewed = await self._queue.update_message(message, visibility_timeout=HIDDEN_WHILE_RUNNING)
                message.pop_receipt = renewed.pop_receipt

    def _trigger(self, message: QueueMessage) -> TriggerMessage:
        body = message.content
        if self._settings.message_encoding == "base64":
            try:
                body = base64.b64decode(body, validate=True)
            except (binascii.Error, ValueError) as error:
                raise ValueError(f"message {message.id} is not base64, which host.json's messageEncoding asks for") from error
        return TriggerMessage(  # type: ignore[no-untyped-call]  # the SDK declares no types here
            id=message.id,
            body=body,
            dequeue_count=message.dequeue_count,
            expiration_time=message.expires_on,
            insertion_time=message.inserted_on,
            time_next_visible=message.next_visible_on,
            pop_receipt=message.pop_receipt,
        )
