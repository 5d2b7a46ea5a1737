"""The messages of `examples/order_data_center.py` are a data center's life."""

import importlib.util
from argparse import Namespace
from typing import Any

from local.processes import ROOT
from tests.data_centers.bench import bench
from tests.data_centers.documents import TENANT
from tests.data_centers.test_lifecycle import ACTIONS, SUCCEEDED, all_taken_in, until


def example() -> Any:  # a module
    """Load the example."""
    found = importlib.util.spec_from_file_location("order_data_center", ROOT / "examples" / "order_data_center.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


async def test_the_messages_of_the_example_are_a_life() -> None:
    given = {"id": None, "tenant": TENANT, "number": "10042", "plan": "Gold", "user": "ada@example.com", "reason": "unpaid"}
    sizes = {"cpus": 8, "memory": 16384, "storage": 500, "machines": 4}
    message = example().message
    async with bench() as app:
        for number, action in enumerate(ACTIONS, 1):
            await all_taken_in(app, message(Namespace(action=action, **given, **(sizes if action == "create" else sizes | {"cpus": 12}))))
            outcomes = await until(app, number)
            assert (outcomes[-1]["type"], outcomes[-1]["data"]["action"]) == (SUCCEEDED, action), outcomes[-1]
