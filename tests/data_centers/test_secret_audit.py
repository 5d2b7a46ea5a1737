"""Keys, passwords and tokens of Azure Pack are found nowhere: tables, queues, events, logs, traces, answers, effects, temporary files."""

import json
import logging
import re
import tempfile
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from local.simulation.azure_pack.sample import PASSWORD
from shared import telemetry
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, Json, installation
from tests.support.secret_audit import Marked, forms_of, shows

CUSTOMER = (TENANT, "Tenants.Write", "Tenants.Read")
MACHINE: Json = {"name": "audited", "image": "Windows Server", "adminUsername": "ops"}


def everything(app: Bench) -> dict[str, str]:
    """Return what the app keeps and what the simulation noted, by place."""
    rows = {
        f"table {table.name} {key}": "\n".join(_text(value) for value in row.values())
        for table in app.storage.tables.values()
        for key, (row, _) in table.rows.items()
    }
    queues = {f"queue {name}": "\n".join(texts) for name, texts in app.storage.queues.messages.items()}
    noted = {"events": json.dumps(app.events), "effects": json.dumps(app.platform.effects.since(0)), "state": json.dumps(app.state())}
    return {**rows, **queues, **noted, "requests": json.dumps(app.platform.requests.as_json())}


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return zlib.decompress(value).decode("utf-8", "replace")
    except zlib.error:
        return value.decode("utf-8", "replace")


async def test_no_secret_is_found_but_in_key_vault_and_in_the_one_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    spans: list[str] = []
    before, files = telemetry.span, temporary_files()

    def span(name: str, traceparent: str = "", **attributes: str) -> AbstractContextManager[None]:
        spans.append(f"{name} {attributes}")
        return before(name, traceparent, **attributes)

    monkeypatch.setattr(telemetry, "span", span)
    marked, answers = Marked(), list[Any]()
    async with bench(document=installation()) as app:
        file = app.publish_settings()
        key = re.findall(r'ManagementCertificate="([^"]+)"', file)[0]
        given = marked.new()
        placed = await app.place(user={"name": "ada@example.com", "password": {"value": given}})
        assert placed.status == 202, placed
        answers += [placed, *(await app.until_ended(placed))]
        for body in (file, file[:-20], file.replace("https://", "http://")):
            path = f"/tenants/{TENANT}/azure-pack-subscriptions/import"
            answers.append(await app.request("POST", path, {"publishSettings": {"value": body}}, caller=CUSTOMER))
        [imported] = [one for one in answers if getattr(one, "status", 0) == 200]
        subscription = imported.body["value"][0]["id"]
        for fault in (None, "lostResponse", "failVmmJob"):
            if fault is not None:
                app.fault(fault, method="POST", path="/VirtualMachines", service="azurePack.public", times=1)
            machine = MACHINE | {"subscriptionId": subscription, "adminPassword": {"value": marked.new()}}
            made = await app.request("POST", f"/tenants/{TENANT}/virtual-machines", machine, caller=CUSTOMER)
            assert made.status == 202, made
            answers += [made, *(await app.until_ended(made))]
        wrong = MACHINE | {"adminPassword": {"value": marked.new()}, "image": "no-such", "subscriptionId": subscription}
        answers.append(await app.request("POST", f"/tenants/{TENANT}/virtual-machines", wrong, caller=CUSTOMER))
        plain = {"id": "m", "tenant": TENANT, "operation": "virtualMachine.create", **MACHINE, "adminPassword": {"value": marked.new()}}
        app.send(plain)
        app.send({"id": "n", "tenant": TENANT, "operation": "azurePackSubscription.import", "publishSettings": {"value": file}})
        await app.advance()
        answers += [await app.request("GET", path) for path in ("/rejected-messages", "/azure-packs/pack", "/operations")]
        token = re.findall(r"one-time-secrets#([\w.-]+)", json.dumps(app.events))[-1]
        found = everything(app) | {"log": caplog.text, "spans": "\n".join(spans), "answers": "\n".join(map(str, answers))}
        assert spans
        assert caplog.text
        secrets = [*marked.values, key[200:600], PASSWORD, app.vaults.value("one-time-link-key"), "sample-hook-token"]
        places = [place for place, content in found.items() if shows(content, secrets)]
        assert places == []
        bearer = re.compile(r"eyJ[\w-]{20,}\.[\w-]{20,}")
        assert [place for place, content in found.items() if bearer.search(content)] == []
        opened = await app.request("POST", "/one-time-secrets", {"token": token}, caller=())
        assert given in forms_of(opened.body["password"]), "the one answer that has it"
        assert keys_in(temporary_files() - files) == []


def temporary_files() -> set[Path]:
    """Return what is in the folder of temporary files."""
    return set(Path(tempfile.gettempdir()).iterdir())


def keys_in(paths: set[Path]) -> list[Path]:
    """Return the files that hold a private key."""
    return [path for path in paths if path.is_file() and b"PRIVATE KEY" in path.read_bytes()[:4096]]
