"""The examples of data centers: the messages of an order's life, and the import of a publishsettings file."""

import asyncio
import importlib.util
import json
import os
import tempfile
import threading
from argparse import Namespace
from asyncio.subprocess import PIPE
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.processes import ROOT
from local.simulation.azure_pack.sample import SUBSCRIPTION
from tests.data_centers.bench import bench
from tests.data_centers.documents import TENANT
from tests.data_centers.life import ACTIONS, SUCCEEDED, all_taken_in, until


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


async def test_the_script_of_an_import_sends_the_file_and_shows_what_became_of_it() -> None:
    """The script's request is answered by the app itself; the token is in no argument that a process list shows."""
    async with bench() as app:
        file, seen = app.publish_settings(), dict[str, Any]()
        loop = asyncio.get_running_loop()

        class Forward(BaseHTTPRequestHandler):
            """Hands a request to the app."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seen["token"] = self.headers["Authorization"]
                caller = (TENANT, "Tenants.Write", "Tenants.Read")
                asked = app.request("POST", self.path.removeprefix("/api"), body, caller=caller)
                reply = asyncio.run_coroutine_threadsafe(asked, loop).result(30)
                self.send_response(reply.status)
                self.end_headers()
                self.wfile.write(json.dumps(reply.body).encode())

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with tempfile.NamedTemporaryFile("w", suffix=".publishsettings", encoding="utf-8") as given:
            given.write(file)
            given.flush()
            script = [str(ROOT / "examples" / "import_publishsettings.sh"), TENANT, given.name]
            environment = {**os.environ, "FARSHORE_URL": f"http://127.0.0.1:{server.server_port}", "FARSHORE_TOKEN": "a-token"}
            process = await asyncio.create_subprocess_exec(*script, env=environment, stdout=PIPE, stderr=PIPE)
            out, error = await process.communicate()
        server.shutdown()
        assert (process.returncode, error) == (0, b""), error
        assert out.decode().split()[0] == SUBSCRIPTION
        assert seen["token"] == "Bearer a-token"
