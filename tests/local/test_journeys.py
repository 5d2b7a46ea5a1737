"""The client that the journeys share: following an operation to its end, and what a refusal shows."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from local.journeys.client import Caller, refusal
from local.processes import Trouble

Serve = Callable[..., str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve answers one after another, the last one again and again; no test waits between two reads."""
    monkeypatch.setattr("local.journeys.client.time.sleep", lambda _: None)
    servers = []

    def start(*answers: tuple[int, Any]) -> str:
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/operation"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_operation_is_followed_to_its_end(serve: Serve) -> None:
    url = serve(
        (200, {"status": "Running", "step": "a"}), (503, {}), (200, {"status": "Running", "step": "b"}), (200, {"status": "Failed"})
    )
    steps: list[Any] = []
    final = Caller({}).follow(url, "the copy", 30, lambda operation: steps.append(operation["step"]))
    assert (steps, final["status"]) == (["a", "b"], "Failed")


def test_an_operation_that_needs_attention_is_trouble(serve: Serve) -> None:
    url = serve((200, {"status": "Running", "attention": {"message": "It is unknown whether it started."}}))
    with pytest.raises(Trouble, match="the copy needs attention: It is unknown whether it started"):
        Caller({}).follow(url, "the copy", 30, lambda _: None)


def test_an_operation_that_does_not_end_is_trouble_with_its_address(serve: Serve) -> None:
    url = serve((200, {"status": "Running"}))
    with pytest.raises(Trouble, match=url):
        Caller({}).follow(url, "the copy", 0.05, lambda _: None)


def test_a_refusal_shows_code_message_and_details(serve: Serve) -> None:
    error = {"code": "ChecksFailed", "message": "No.", "details": [{"message": "It is locked."}]}
    reply = Caller({}).send("GET", serve((409, {"error": error})))
    assert refusal(reply) == "409 ChecksFailed: No. It is locked."
