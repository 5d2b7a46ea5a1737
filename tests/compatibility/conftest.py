"""What an earlier version stored, put into real storage beside the Azure of that time, and today's app on top."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.compatibility.record import record, stack_of, wait_for_host
from tests.compatibility.stored import VERSIONS, Stored, load, read
from tests.support.running import Running
from tests.support.storage import AzuritePool, clear


@dataclass(frozen=True, slots=True)
class Resumed:
    """Today's app on what an earlier version stored."""

    stack: Running
    stored: Stored


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for it on what each version stored."""
    if "resumed" in metafunc.fixturenames:
        recording = metafunc.config.getoption("record_stored")
        metafunc.parametrize("version", sorted({*VERSIONS, *([recording] if recording else [])}), scope="module")


@pytest.fixture(scope="module")
def resumed(
    version: str, request: pytest.FixtureRequest, azurites: AzuritePool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Resumed]:
    """Load what a version stored, having recorded it first where that is asked for."""
    folder = tmp_path_factory.mktemp("stored")
    with azurites.lend() as azurite:
        clear(azurite.connection_string)
        if request.config.getoption("record_stored") == version:
            record(version, folder, azurite)
            clear(azurite.connection_string)
        stored = read(version)
        load(stored, azurite.connection_string)
        stack = stack_of(folder / "resumed", azurite, stored.estate, now=stored.now, workers=2, environment={})
        try:
            wait_for_host(stack)
            yield Resumed(Running.on(stack, azurite.connection_string), stored)
        finally:
            stack.stop()
