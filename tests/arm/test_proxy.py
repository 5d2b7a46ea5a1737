"""A proxy that wants credentials carries every outbound call; they are in no log, and an error without them names what is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from tests.support.forward_proxy import PASSWORD, ForwardProxy, forward_proxy

ARM, KEYS, VAULT = "management.azure.com", "login.microsoftonline.com", "tenant.vault.azure.net"
TABLES, QUEUES, BLOBS = (f"account.{service}.core.windows.net" for service in ("table", "queue", "blob"))
IDENTITY, MONITOR, COLLECTOR, PACK = "identity.example", "ingestion.example", "collector.example", "pack.example"
HOSTS = [ARM, KEYS, VAULT, TABLES, QUEUES, BLOBS, IDENTITY, MONITOR, COLLECTOR, PACK]
PROGRAM = """
import asyncio, json, logging, os, pathlib, sys, time
from shared.proxies import use_only_proxy
use_only_proxy(os.environ)
from azure.core.credentials import AccessTokenInfo
from shared.access.keys import SigningKeys
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.transport import Transport
from shared.arm.clients import AzureClients
from shared.arm.credentials import CachedCredential
from shared.clock import SystemClock
from shared.errors import CallFailure, Refused
from shared.secrets.ids import SecretId
from shared.secrets.key_vault import AzureKeyVaults
from shared.settings import Settings
from shared.storage import blobs, tables

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)

class Source:
    async def get_token_info(self, *scopes, options=None):
        return AccessTokenInfo("a-token", int(time.time()) + 3600)
    async def get_token(self, *scopes, **options):
        from azure.core.credentials import AccessToken
        return AccessToken("a-token", int(time.time()) + 3600)
    async def close(self):
        pass

def send_span(exporter):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    tracers.get_tracer("t").start_span("s").end()

def to_monitor():
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
    key = "InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://ingestion.example/"
    send_span(AzureMonitorTraceExporter(connection_string=key, disable_offline_storage=True))

def to_collector():
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    send_span(OTLPSpanExporter(endpoint="https://collector.example/v1/traces", timeout=5))

def token_of_identity():
    from azure.identity.aio import ClientSecretCredential
    identity = ClientSecretCredential("t", "c", "s", authority="identity.example", disable_instance_discovery=True)
    return identity.get_token("https://management.azure.com/.default")

async def main():
    credential = CachedCredential(Source())
    clients = AzureClients(Settings(), credential=credential)
    keys = SigningKeys("https://login.microsoftonline.com/common/discovery/v2.0/keys", SystemClock())
    account = tables.connect_with_identity(
        "https://account.table.core.windows.net", "https://account.queue.core.windows.net", credential
    )
    stored = blobs.connect_with_identity("https://account.blob.core.windows.net", credential)
    vault = AzureKeyVaults(lambda: credential)
    pack = Transport(tls=TlsOptions(ca_bundle=pathlib.Path(os.environ["SSL_CERT_FILE"]).read_text()))
    calls = {
        "arm": lambda: clients.read("/subscriptions", api_version="2022-12-01"),
        "write": lambda: clients.write("PUT", "/subscriptions/s/resourceGroups/g", api_version="2021-04-01", body={}),
        "keys": lambda: keys.find("a-key"),
        "tables": lambda: account.table("tenants").get("a", "b"),
        "queues": lambda: account.queues.send("a-queue", "text"),
        "blobs": lambda: stored.write_once("container").read("name"),
        "vault": lambda: vault.get(SecretId("https://tenant.vault.azure.net", "a-secret")),
        "identity": token_of_identity,
        "monitor": lambda: asyncio.to_thread(to_monitor),
        "collector": lambda: asyncio.to_thread(to_collector),
        "pack": lambda: pack.request("GET", "https://pack.example/plans", headers={}),
    }
    found = {}
    for name, call in calls.items():
        if name not in (sys.argv[1:] or calls):
            continue
        try:
            await asyncio.wait_for(call(), 30)
            found[name] = "done"
        except (CallFailure, Refused) as failure:
            found[name] = f"{failure.code}: {failure}"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(found))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ForwardProxy, Path]]:
    with forward_proxy(HOSTS, tmp_path_factory.mktemp("proxy")) as running:
        yield running


def outbound(proxy: str, trusted: Path, *calls: str, variable: str = "HTTPS_PROXY") -> tuple[dict[str, Any], str]:
    """Make outbound calls, by default of each kind, in a process of its own, and return what became of them, and its log."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    authorities = {name: str(trusted) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
    environment = {**kept, **authorities, variable: proxy, "PYTHONPATH": str(ROOT), "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"}
    command = [sys.executable, "-c", PROGRAM, *calls]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr + done.stdout


def test_the_proxy_carries_every_outbound_call_and_its_credentials_are_in_no_log(proxied: tuple[ForwardProxy, Path]) -> None:
    proxy, trusted = proxied
    found, log = outbound(proxy.url(), trusted)
    assert set(HOSTS) <= set(proxy.carried), found
    assert proxy.refused == []
    assert (found["arm"], found["write"], found["pack"]) == ("done", "done", "done")
    assert PASSWORD not in log


def test_the_only_proxy_is_used_for_https_too(proxied: tuple[ForwardProxy, Path]) -> None:
    proxy, trusted = proxied
    proxy.carried.clear()
    outbound(proxy.url(), trusted, "arm", "keys", "pack", variable="HTTP_PROXY")
    assert set(proxy.carried) == {ARM, KEYS, PACK}


@pytest.mark.parametrize("password", [None, "wr0ng-s3cret"])
def test_without_the_right_credentials_the_error_states_that_the_proxy_asks_for_them(
    proxied: tuple[ForwardProxy, Path], password: str | None
) -> None:
    proxy, trusted = proxied
    before = len(proxy.carried)
    found, log = outbound(proxy.url(password), trusted, "arm", "write", "keys", "vault", "tables")
    assert len(proxy.carried) == before, "nothing passes"
    assert {host.partition(":")[0] for host in proxy.refused} >= {ARM, KEYS, VAULT, TABLES}
    for name in ("arm", "write", "vault"):
        assert found[name].startswith("ProxyAuthenticationRequired"), found
        assert "HTTPS_PROXY" in found[name]
    assert "Proxy Authentication Required" in found["tables"]
    assert "the proxy answered with status 407" in log
    assert str(password) not in log
