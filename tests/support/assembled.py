"""The app with every capability, assembled against addresses that nothing listens on: for tests of what the parts declare."""

import asyncio
from functools import cache

from functions.capabilities import NAMES, load
from shared.composition import Runtime, build
from shared.settings import Settings

_NOWHERE = "https://127.0.0.1:1"


@cache
def assembled() -> Runtime:
    """Return the assembled app; its connections are closed. Not to be called where an event loop runs."""
    return asyncio.run(_assemble())


async def _assemble() -> Runtime:
    settings = Settings(
        AzureWebJobsStorage=None,
        AzureWebJobsStorage__queueServiceUri=_NOWHERE,
        AzureWebJobsStorage__tableServiceUri=_NOWHERE,
        AzureWebJobsStorage__blobServiceUri=_NOWHERE,
    )
    app = await build(settings, load(NAMES))
    await app.close()
    return app
