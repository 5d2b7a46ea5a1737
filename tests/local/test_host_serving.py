"""The host with real workers: HTTP, queues, and what it does when workers die."""

import concurrent.futures
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from azure.core.exceptions import ResourceExistsError

from local.calls import call
from local.processes import Trouble
from local.stack import Stack
from tests.conftest import StartHost
from tests.support.stacks import Hosts, RunningHost
from tests.support.storage import AzuritePool

SAMPLE = Path(__file__).parents[1] / "support" / "apps" / "sample"
StartSample = Callable[..., RunningHost]


@pytest.fixture
def sample(host: StartHost) -> StartSample:
    def start(**options: object) -> RunningHost:
        return host(**{"app": SAMPLE, "ready": "echo/fixed", "simulated": False} | options)

    return start


@pytest.fixture(scope="module")
def shared(azurites: AzuritePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """The sample app on two workers, which tests share that do not end it."""
    hosts = Hosts(tmp_path_factory.mktemp("serving"), azurites)
    try:
        environment = {"LOCAL_HOST_FUNCTION_KEY": "key"}
        yield hosts.start(app=SAMPLE, ready="echo/fixed", workers=2, simulated=False, environment=environment)
    finally:
        hosts.stop()


@pytest.fixture
def running(shared: RunningHost) -> RunningHost:
    """The same with an empty queue for its work."""
    with contextlib.suppress(ResourceExistsError):
        shared.queue("work").create_queue()
    shared.clear_queues()
    return shared


async def test_http_as_the_real_host_does_it(running: RunningHost) -> None:
    api = running.api
    async with aiohttp.ClientSession() as session:
        url = f"{api}/Echo/a%2Fb?x=1&x=2&empty="
        async with session.post(url, data=b"body", headers={"X-Mixed": "One"}, skip_auto_headers=["User-Agent"]) as answer:
            told = await answer.json()
            assert (answer.status, answer.headers["x-told"], answer.content_type) == (201, "yes", "application/json")
        assert told["params"] == {"x": "1,2"}
        assert told["route"] == {"name": "a/b"}
        assert told["headers"]["x-mixed"] == "One"
        assert told["url"] == url
        assert (told["body"], told["function"], told["method"]) == ("body", "echo", "POST")

        async def chunks() -> AsyncIterator[bytes]:
            yield b"body"

        async with session.post(f"{api}/echo/x", data=chunks()) as answer:  # no Content-Length
            assert (await answer.json())["body"] == ""
        for method, path, headers, status in [
            ("GET", "echo/fixed", {}, 200),
            ("DELETE", "echo/x", {}, 404),
            ("GET", "unknown", {}, 404),
            ("GET", "broken", {}, 500),
            ("GET", "nothing", {}, 500),
            ("GET", "guarded", {}, 401),
            ("GET", "guarded", {"x-functions-key": "wrong"}, 401),
            ("GET", "guarded", {"x-functions-key": "key"}, 200),
        ]:
            async with session.request(method, f"{api}/{path}", headers=headers) as answer:
                assert (method, path, answer.status) == (method, path, status)
        async with session.get(api.removesuffix("/api") + "/echo/fixed") as answer:
            assert answer.status == 404, "without the prefix there is nothing"


def test_messages_are_worked_and_deleted(running: RunningHost) -> None:
    host = running
    with host.queue("work") as work:
        for number in range(20):
            work.send_message(json.dumps({"number": number, "hops": number % 3}))
    seen = host.wait_for_messages("seen", 20)
    assert sorted(json.loads(text)["worked"]["number"] for text in seen) == list(range(20))
    assert host.messages("work") == []


def test_a_failing_message_goes_to_poison_at_its_last_delivery(running: RunningHost) -> None:
    host = running
    with host.queue("work") as work:
        work.send_message('{"fail": true}')
    assert host.wait_for_messages("work-poison", 1) == ['{"fail": true}']
    assert [json.loads(text)["delivery"] for text in host.wait_for_messages("seen", 3)] == [1, 2, 3]


def test_workers_share_the_port_and_a_killed_one_is_replaced(running: RunningHost) -> None:
    host = running
    before, restarts = set(host.workers()), host.restarts()
    killed = host.kill_worker()
    for _ in range(20):  # each on a connection of its own: never refused, since the socket is the supervisor's
        assert call("GET", f"{host.api}/echo/fixed").status == 200
    after = set(host.wait_for_workers(2)) if killed not in host.workers() else set()
    while killed in after or len(after) < 2:
        after = set(host.workers())
    assert len(after & before) == 1
    assert host.restarts() == restarts + 1
    assert f"process {killed}" in host.log()
    seen: set[int] = set()
    deadline = time.monotonic() + 20
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        while seen != after:
            assert time.monotonic() < deadline, f"only {seen} of {after} answer"
            seen |= {reply.body["pid"] for reply in pool.map(lambda _: call("GET", f"{host.api}/echo/pid"), range(40))}


def test_what_is_in_flight_ends_before_the_host_does(sample: StartSample) -> None:
    host = sample()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reply = pool.submit(call, "GET", f"{host.api}/slow/1.0")
        with host.queue("work") as work:
            work.create_queue()
            work.send_message('{"sleep": 1.0}')
        deadline = time.monotonic() + 10
        while host.queue("work").peek_messages() and time.monotonic() < deadline:
            pass
        host.host.stop()
        assert reply.result().status == 200
    assert host.host.process.returncode == 0
    assert len(host.messages("seen")) == 1


def test_workers_end_with_their_supervisor(sample: StartSample) -> None:
    host = sample(workers=2)
    workers = host.workers()
    host.host.process.kill()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text() for pid in workers):
        assert time.monotonic() < deadline, "the workers live on"


def test_a_busy_port_is_reported_with_its_option(running: RunningHost, tmp_path: Path) -> None:
    second = Stack(replace(running.stack.options, data=tmp_path, control_port=0))
    with pytest.raises(Trouble, match=rf"port {running.stack.options.port} is in use .*--port"):
        second.wait_for_api(second.start_host())


def test_an_app_that_cannot_be_indexed_is_refused_with_a_reason(sample: StartSample, tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n@app.timer_trigger('t', '0 0 0 * * 7')\ndef sunday(t): ...\n"
    )
    with pytest.raises(Trouble, match=r"sunday: the day of the week '7'"):
        sample(app=tmp_path)
