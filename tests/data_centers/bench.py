"""The app with data centers before a simulated Azure Pack, all in memory: no host, no sockets, no files, and a clock of the test's.

Entry points, core, workflow, library and the simulation's rules are the real ones. Requests of the library are handed to the simulation's
gate in place of a TLS connection (that is tested in `tests/azure_pack`); a process can be killed at any crash point.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from cryptography.hazmat.primitives.asymmetric import rsa

from functions.capabilities import load
from functions.system import ENDPOINTS
from local.simulation.azure_pack.installation import Installation
from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import OWNER, sample_installation
from local.simulation.faults.fault import Fault
from local.simulation.platform import Platform
from shared.access.principal import Principal
from shared.access.records import seeding
from shared.access.roles import Role
from shared.azure_pack.connection import CallLimit
from shared.capability import check_queues, intake_queues, step_queues
from shared.clock import RandomIds
from shared.composition import Runtime, assemble
from shared.installations.reach import connections
from shared.operations import crash_points
from shared.operations.model.models import Actor
from shared.operations.outside.messages import OUTCOME_QUEUE, read_check, read_step
from shared.operations.outside.receiving import Delivery
from shared.settings import Settings
from shared.web.calls import Endpoint
from shared.web.entry import answer
from tests.azure_pack.pack import keys
from tests.data_centers.documents import PROVIDER, TENANT, TENANTS, WRITER, Json, installation, order
from tests.data_centers.repeatable import BenchClock, SeededIds
from tests.data_centers.transport import HOST, PORTS, MemoryTransport, as_text
from tests.support.api import Reply
from tests.support.memory import MemoryBlobs, MemoryStorage
from tests.support.secrets import OWN, MemoryVaults

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASE_URL = "https://farshore.example"
_CAPABILITIES = load(("tenants", "data_centers", "virtual_machines"))
_EVERY: tuple[Endpoint, ...] = (*ENDPOINTS, *(one for capability in _CAPABILITIES for one in capability.endpoints))
_PATHS = [(one, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(one.route.path)))) for one in _EVERY]
_ROUNDS = 200
PERSON = "person"
"""Among the roles of a caller: its token is a user's."""


class KilledError(BaseException):
    """The process was killed."""


class _Callers:
    """Verifies tokens that name their caller: tenant and roles."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def verify(self, authorization: str | None, *, founding: bool = False) -> Principal:  # noqa: ARG002  # it has a tenant
        tenant, *roles = (authorization or "").removeprefix("Bearer ").split("|")
        found = await self._runtime.registry.by_name(tenant)
        assert found is not None, tenant
        person, given = PERSON in roles, frozenset(Role(role) for role in roles if role != PERSON)
        actor = Actor("user" if person else "app", tenant, tenant)
        return Principal(actor, tenant, found.tenant_id or "", given, found.kind == "provider", person)


@dataclass
class Bench:
    """The running app. `killed` are the crash points at which a process ended, `armed` those at which the next does.

    `workers` handle messages side by side (none: `runtime` handles them one after another); `checked` is when each row was checked,
    `most` how many calls were in flight at once by the limit of each worker. With `doubled` each message
    is delivered twice, to two workers where there are.
    """

    platform: Platform
    pack: Installation
    storage: MemoryStorage
    vaults: MemoryVaults
    runtime: Runtime
    armed: deque[tuple[str, int]] = field(default_factory=deque)
    killed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    most: dict[CallLimit, int] = field(default_factory=dict)
    workers: tuple[Runtime, ...] = ()
    checked: list[datetime] = field(default_factory=list)
    doubled: bool = False

    # HTTP

    async def request(
        self, method: str, path: str, body: object = None, *, caller: tuple[str, ...] = WRITER, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request."""
        name, _, query = path.partition("?")
        content = b"" if body is None else as_text(body)
        sent = {"authorization": f"Bearer {'|'.join(caller)}", **{key.lower(): value for key, value in (headers or {}).items()}}
        sent |= {"content-type": "application/json"} if content else {}
        for endpoint, pattern in _PATHS:
            found = pattern.fullmatch(name) if endpoint.route.method == method else None
            if found is not None:
                request = func.HttpRequest(
                    method, f"{BASE_URL}/api{path}", headers=sent, params={}, route_params=found.groupdict(), body=content
                )
                reply = await answer(request, self._assembled, endpoint)
                text = reply.get_body().decode()
                is_json = reply.headers["Content-Type"].startswith("application/json")
                return Reply(
                    reply.status_code,
                    {name.lower(): value for name, value in reply.headers.items()},
                    json.loads(text) if text and is_json else text,
                )
        raise AssertionError(f"no route for {method} {name}; {query}")

    async def _assembled(self) -> Runtime:
        return self.runtime

    async def place(self, data_center: str = "10042", *, tenant: str = TENANT, key: str | None = None, **changes: Any) -> Reply:
        """Order a data center over HTTP."""
        headers = {"Repeatability-Request-ID": key} if key else None
        return await self.request("PUT", f"/tenants/{tenant}/data-centers/{data_center}", order(**changes), headers=headers)

    async def act(self, action: str, body: object = None, data_center: str = "10042") -> Reply:
        """Ask for an action over HTTP: suspend, resume, new-secret; or `change` and `delete`."""
        path = f"/tenants/{TENANT}/data-centers/{data_center}"
        if action == "change":
            return await self.request("PATCH", path, body)
        if action == "delete":
            return await self.request("DELETE", path, {"confirm": data_center, **cast("Json", body or {})})
        return await self.request("POST", f"{path}/{action}", body)

    async def shown(self, data_center: str = "10042", *, caller: tuple[str, ...] = WRITER) -> Json:
        """Return a data center as the app answers it."""
        reply = await self.request("GET", f"/tenants/{TENANT}/data-centers/{data_center}", caller=caller)
        assert reply.status == 200, reply
        return cast("Json", reply.body)

    async def operation(self, of: Reply | str) -> Json:
        """Return an operation as the app answers it."""
        id_ = of if isinstance(of, str) else of.operation
        reply = await self.request("GET", f"/operations/{id_}")
        assert reply.status == 200, reply
        return cast("Json", reply.body)

    # messages, time, work

    def send(self, message: Json, queue: str = "tenant-requests") -> None:
        """Put a message of another system on its queue."""
        self.storage.queues.messages.setdefault(queue, deque()).append(json.dumps(message))

    async def advance(self, step: timedelta | float = 0.0, *, every: timedelta = timedelta(seconds=30)) -> None:
        """Let time pass in small steps, and do what came due; the queue's clients end where a process is killed."""
        left = step if isinstance(step, timedelta) else timedelta(seconds=step)
        await self.work()
        while left > timedelta(0):
            one = min(left, every)
            left -= one
            self.platform.clock.move(one)
            self.pack.gate.settle()
            await self.work()

    def forced(self) -> list[str]:
        """Return the addresses of the deletions that were sent with `force`."""
        deletions = [url for method, url in self.sent if method == "DELETE"]
        assert deletions, "no deletion was sent"
        return [url for url in deletions if dict(parse_qsl(urlsplit(url).query.lower())).get("force") == "true"]

    async def until_ended(self, *answers: Reply | str, longest: timedelta = timedelta(hours=12)) -> list[Json]:
        """Let time pass until operations have ended, and return them."""
        began = self.platform.clock.now()
        while True:
            await self.advance(timedelta(seconds=30))
            found = [await self.operation(one) for one in answers]
            if all(one["status"] in {"Succeeded", "Failed", "Canceled"} for one in found):
                await self.advance()
                return found
            assert self.platform.clock.now() - began < longest, found

    async def work(self) -> None:
        """Tick, and handle messages, until nothing is due at this moment."""
        for _ in range(_ROUNDS):
            await self._alive(self.runtime.tick.run())
            if not await self._messages():
                return
        raise AssertionError("what is due never ends")

    async def _messages(self) -> int:
        done = 0
        for queues, handle in (
            (intake_queues(_CAPABILITIES), self._take_in),
            (step_queues(_CAPABILITIES), self._step),
            (check_queues(_CAPABILITIES), self._check),
        ):  # fmt: skip
            for queue in queues:
                texts, workers = self.storage.queues.take(queue), self.workers or (self.runtime,)
                texts = [text for text in texts for _ in range(2 if self.doubled else 1)]
                for first in range(0, len(texts), len(workers)):
                    batch = zip(texts[first : first + len(workers)], workers, strict=False)
                    await asyncio.gather(*(self._alive(handle(worker, queue, text)) for text, worker in batch))
                done += len(texts)
        self.events += [json.loads(text) for text in self.storage.queues.take(OUTCOME_QUEUE)]
        return done

    async def _alive(self, work: Any) -> None:  # a coroutine
        """Do work as a process does; where it is killed, another one goes on."""
        try:
            await work
        except KilledError as killed:
            self.killed.append(str(killed))

    async def _step(self, worker: Runtime, _queue: str, text: str) -> None:
        message = read_step(text)
        for operation in message.ids if message else ():
            await worker.runner.run(operation)

    async def _check(self, worker: Runtime, _queue: str, text: str) -> None:
        message = read_check(text)
        if message is not None:
            self.checked += [self.platform.clock.now()] * len(message.ids)
            await worker.checks.run(message)

    async def _take_in(self, worker: Runtime, queue: str, text: str) -> None:
        """Deliver a message, again where it may pass, up to five times."""
        body = json.loads(text)
        count = int(body.pop("deliveries", 0)) + 1
        delivery = Delivery(queue, str(body.get("id", "m")), as_text(body), self.platform.clock.now(), count)
        try:
            await worker.receive(delivery)
        except (Exception, KilledError) as error:  # what may pass is delivered again later, as the host does
            if isinstance(error, KilledError):
                self.killed.append(str(error))
            self.refused.append((queue, json.dumps(body | {"deliveries": count})))

    def calls(self, port: int) -> int:
        """Return how many requests were sent to a port of the installation."""
        return sum(f":{port}/" in url for _, url in self.sent)

    def redeliver(self) -> None:
        """Show messages again that were not taken in."""
        refused, self.refused = self.refused, []
        for queue, text in refused:
            self.storage.queues.messages.setdefault(queue, deque()).append(text)

    # the simulation

    def publish_settings(self, user: str = OWNER, **options: Any) -> str:
        """Return a publishsettings file of a user with a new certificate, for the address of the bench's tenant public API."""
        text = self.pack.control.publish_settings({"user": user, **options})
        return text.replace(self.pack.listeners.url(Listener.PUBLIC), f"{HOST}:30006")

    def fault(self, kind: str, *, method: str | None = None, path: str = "", service: str = "azurePack", **members: Any) -> None:
        """Plant a fault."""
        match = {"path": path, "service": service} | ({"method": method} if method else {})
        self.platform.add_faults([Fault.read({"fault": kind, "match": match, **members})])

    def state(self) -> Json:
        """Return what the installation holds."""
        return self.pack.control.state()

    def effects(self) -> list[tuple[str, str]]:
        """Return method and path of each write that took effect, those of the sign-in left out."""
        return [(each["method"], each["path"]) for each in self.platform.effects.since(0)]

    def row(self, member: str, key: str) -> Json:
        """Return a row of the installation: of `subscriptions`, `plans`, `accounts`."""
        found = getattr(self.pack.gate.state, member).get(key)
        assert found is not None, key
        return cast("Json", found)

    def change(self, member: str, key: str, **members: Any) -> None:
        """Change a row of the installation, as a person does by hand."""
        self.pack.gate.apply((self.pack.gate.state.put(member, self.row(member, key) | members),))

    def machine(self, name: str, status: str, subscription: str, **more: Any) -> Json:
        """Put a machine into a subscription."""
        from local.simulation.azure_pack.sample import CLOUDS, STAMP
        from local.simulation.ids import derived

        entity = {
            "ID": derived("bench", name), "StampId": STAMP, "Name": name, "StatusString": status, "CloudId": CLOUDS[0], "CPUCount": 1,
            "Memory": "1024", "TotalSize": str(20 << 30), "Owner": {"RoleID": subscription, "UserName": "", "RoleName": ""},
            "MostRecentTaskId": None, "_integration": True, **more,
        }  # fmt: skip
        self.pack.gate.apply((self.pack.gate.state.put_entity("VirtualMachines", entity),))
        return entity

    def power(self) -> dict[str, str]:
        """Return the status of each machine by its name."""
        return {one["Name"]: one["StatusString"] for one in self.pack.gate.state.entities("VirtualMachines")}

    # killing

    def kill_at(self, point: str, times: int = 1) -> None:
        """Let the process end when it reaches a crash point for the n-th time."""
        self.armed.append((point, times))

    def reached(self, point: str) -> None:
        """Note that a crash point was reached; raises `KilledError` where it is armed."""
        self.passed.append(point)
        for number, (name, times) in enumerate(self.armed):
            if name == point:
                self.armed[number] = (name, times - 1)
                if times <= 1:
                    del self.armed[number]
                    raise KilledError(point)
                return


_generate = rsa.generate_private_key


@cache
def _one_key(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    """Return the key of every certificate that the bench makes: to make one takes longer than most tests."""
    return _generate(public_exponent, key_size)


def _land(platform: Platform) -> None:
    """Perform the late effects that are due."""
    for late in platform.due():
        platform.late_handlers[str(late.request["service"])](late)


@asynccontextmanager
async def bench(*, document: Json | None = None, workers: int = 1, seed: int | None = None, **settings: Any) -> AsyncIterator[Bench]:
    """Run the app with the installation `pack`; `settings` are the simulated installation's, `document` the one that is put.

    With several workers messages are handled side by side, each by a process of its own. With a seed all identifiers are its own.
    """
    with patch.object(rsa, "generate_private_key", _one_key):
        platform = Platform(speed=0, estate={"azurePack": [sample_installation() | settings], "tenants": TENANTS}, now=START)
        pack = Installation(platform, lambda: _land(platform), keys=keys(), now=platform.clock.now)
        pack.listeners.ports.update({listener: port for port, listener in PORTS.items()})
    storage, vaults = MemoryStorage(), MemoryVaults()
    vaults.add(f"{OWN}/secrets/incoming-hook", "sample-hook-token", {"tenant": PROVIDER})
    sent: list[tuple[str, str]] = []
    most: dict[CallLimit, int] = {}
    transport = type("PackTransport", (MemoryTransport,), {"pack": pack, "sent": sent, "most": most})
    with (
        patch.object(seeding, "connect", lambda _: storage),
        patch.object(connections, "Transport", transport),
        patch.object(rsa, "generate_private_key", _one_key),
    ):
        await seeding.seed("", TENANTS)
        app = Settings(key_vault_url=OWN, public_base_url=BASE_URL)
        clock: Any = BenchClock(platform)
        ids = RandomIds() if seed is None else SeededIds(Random(seed))  # noqa: S311  # a draw, not a secret

        def worker() -> Runtime:
            made = assemble(app, _CAPABILITIES, clock, ids, cast("Any", storage), cast("Any", MemoryBlobs()), None, vaults)
            return replace(made, tokens=cast("Any", _Callers(made)))

        every = tuple(worker() for _ in range(workers))
        running = Bench(platform, pack, storage, vaults, every[0], sent=sent, most=most, workers=every)
        with patch.object(crash_points, "reach", running.reached):
            put = await running.request("PUT", "/azure-packs/pack", document or installation())
            assert put.status == 201, put
            yield running
        await asyncio.gather(*(one.core.clients.aclose() for one in every))
    platform.close()
