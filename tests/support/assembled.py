"""The app, assembled against addresses that nothing listens on: for tests of what the parts declare."""

import asyncio
from functools import cache

from functions.capabilities import NAMES, load
from shared.composition import Runtime, build
from shared.settings import Settings

_NOWHERE = "https://127.0.0.1:1"


@cache
def assembled(*capabilities: str) -> Runtime:
    """Return an assembled app of these capabilities, by default of all; its connections are closed. No event loop may run."""
    return asyncio.run(_assemble(capabilities or NAMES))


async def _assemble(capabilities: tuple[str, ...]) -> Runtime:
    settings = Settings(queue_service_uri=_NOWHERE, table_service_uri=_NOWHERE, blob_service_uri=_NOWHERE)
    app = await build(settings, load(capabilities))
    await app.close()
    return app
