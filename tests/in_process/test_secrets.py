"""Secrets of requests, by HTTP and by queue, well-formed and not: none is found in what the app keeps, sends, logs or answers."""

import json
import logging
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from functions.capabilities import NAMES
from functions.system import declared_routes
from local.calls import call
from shared.access.roles import Role
from shared.web.routes import PATH_PARAMETER
from tests.support.api import Caller, Reply
from tests.support.running import Running, new_key
from tests.support.secret_audit import Marked, audit, simulated

QUEUES = ("restore-point-copy-requests", "failover-requests", "tenant-requests")
WRITES = [route for route in declared_routes(NAMES) if route.method in {"POST", "PUT", "PATCH"} and "one-time" not in route.path]


@pytest.fixture
def operator(stack: Running) -> Caller:
    """The provider's operator, with every role; what it sends is wrong on purpose, so that no description is held against it."""
    return Caller(stack.api, stack.caller(*map(str, Role), tenant="provider", user="operator").token)


def _bodies(secret: str) -> Iterator[bytes]:
    """Yield malformed requests with a secret; each is refused before anything of it is stored."""
    plain = {"value": secret}
    for body in (
        {"adminPassword": plain},
        {"user": {"name": "x", "password": plain}, "resources": {}},
        {"signIn": {"password": {**plain, "keyVaultSecretId": "https://contoso.vault.azure.net/secrets/a"}}},
        {"adminPassword": secret, "unknown": [plain]},
        {"password": {"value": [secret]}, "token": {"vaule": secret}},
    ):
        yield json.dumps(body).encode()
    yield json.dumps({"adminPassword": plain})[:-1].encode()
    yield f'{{"adminPassword": {json.dumps(plain)}, "adminPassword": 1}}'.encode()


def _path(path: str) -> str:
    return PATH_PARAMETER.sub(lambda found: "contoso" if found[1] == "tenant" else "a" * 26, path)


def _send(caller: Caller, secrets: Marked) -> list[Reply]:
    replies = []
    for number, route in enumerate(WRITES):
        bodies = list(_bodies(secrets.new()))
        for body in (bodies[number % len(bodies)], bodies[(number + 3) % len(bodies)]):
            headers = {"Content-Type": "application/json", "If-None-Match": "*", "Repeatability-Request-ID": str(uuid.uuid4())}
            replies.append(caller.call(route.method, _path(route.path), body, headers))
    return replies


def _messages(secret: str) -> Iterator[str]:
    plain = {"value": secret}
    base = {"id": f"m-{uuid.uuid4()}", "tenant": "contoso"}
    yield json.dumps({**base, "operation": "virtualMachine.create", "name": "web", "adminPassword": plain})
    yield json.dumps({**base, "operation": "dataCenter.create", "dataCenter": "10042", "user": {"name": "x", "password": plain}})
    yield json.dumps({**base, "source": {"restorePointId": "x"}, "adminPassword": secret})
    yield json.dumps({**base, "publishSettings": f"<PublishData>{secret}</PublishData>"})
    yield json.dumps({**base, "anything": plain})[:-1]
    event = {"specversion": "1.0", "id": base["id"], "source": "/billing", "type": "farshore.virtualMachine.create", "tenant": "contoso"}
    yield json.dumps({**event, "data": {"name": "web", "adminPassword": plain}})


def test_no_malformed_request_leaves_a_secret(stack: Running, operator: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = Marked()
    replies = _send(operator, secrets)
    assert {reply.status for reply in replies} <= {400, 401, 403, 404, 405, 409, 412, 415, 428}, [r for r in replies if r.status < 400]
    sent = 0
    while len(replies) + sent < 200:
        for queue in QUEUES:
            for message in _messages(secrets.new()):
                stack.put(message, queue)
                sent += 1
    stack.advance()
    answers = "\n".join(f"{dict(reply.headers)} {json.dumps(reply.body, ensure_ascii=False)}" for reply in replies)
    rejected = operator.get("/rejected-messages", top=1000)
    assert len(rejected.body["value"]) >= sent
    shown = f"{json.dumps(rejected.body, ensure_ascii=False)} {json.dumps(stack.events(), ensure_ascii=False)}"
    audit(secrets.values, storage=stack.storage, texts={"answers": answers, "log": caplog.text, "shown": shown, **simulated(stack)})


def test_a_rejected_message_with_a_secret_is_not_replayed(stack: Running, operator: Caller) -> None:
    message = stack.send(
        json.dumps({"id": f"m-{uuid.uuid4()}", "tenant": "contoso", "adminPassword": {"value": Marked().new()}}), QUEUES[2]
    )
    (kept,) = [row for row in operator.get("/rejected-messages", top=1000).body["value"] if row["messageId"] == message]
    reply = operator.post(f"/rejected-messages/{kept['id']}/replay")
    assert (reply.status, reply.code) == (409, "NotReplayable")


def test_the_password_of_an_installation_is_in_the_vault_and_nowhere_else(
    stack: Running, operator: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets, name = Marked(), f"pack-{uuid.uuid4().hex[:8]}"
    body = {
        "adminApi": "https://pack.example:30004",
        "signIn": {
            "windowsAuthEndpoint": "https://pack.example:30072",
            "domain": "PACK",
            "userName": "farshore",
            "password": {"value": secrets.new()},
        },
    }
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    made = operator.call("PUT", f"/azure-packs/{name}", json.dumps(body).encode(), headers)
    assert made.status == 201, made
    shown = operator.get(f"/azure-packs/{name}")
    stored = [one for one in stack.control("GET", "secrets")["value"] if one["name"].startswith(f"azure-pack-{name}-sign-in-")]
    assert [one["vault"] for one in stored] == ["farshore"]
    answers = "".join(json.dumps(reply.body, ensure_ascii=False) for reply in (made, shown))
    audit(secrets.values, storage=stack.storage, texts={"answers": answers, "log": caplog.text, **simulated(stack)})


def _machine(stack: Running, password: dict[str, str]) -> dict[str, object]:
    networks = stack.control("GET", "estate")["virtualNetworks"]
    network = next(one["id"] for one in networks if one["id"].endswith("/contoso-westeurope"))
    return {
        "name": f"m-{uuid.uuid4().hex[:8]}",
        "service": "contoso-production",
        "size": "Small",
        "image": "windows-2022",
        "adminUsername": "azureuser",
        "adminPassword": password,
        "subnetId": f"{network}/subnets/default",
    }


def _names(stack: Running, prefix: str) -> list[str]:
    return [one["name"] for one in stack.control("GET", "secrets")["value"] if one["name"].startswith(prefix) and not one["deleted"]]


def test_the_password_of_a_machine_is_in_the_vault_until_it_is_made(stack: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    contoso, secrets = stack.caller("Tenants.Read", "Tenants.Write"), Marked()
    body, key = _machine(stack, {"value": secrets.new()}), new_key()
    accepted = contoso.post("/tenants/contoso/virtual-machines", body, key=key)
    assert accepted.status == 202, accepted
    assert len(_names(stack, f"farshore-{accepted.body['id']}-")) == 1
    again = contoso.post("/tenants/contoso/virtual-machines", {**body, "adminPassword": {"value": secrets.new()}}, key=key)
    assert (again.status, again.body["id"]) == (202, accepted.body["id"]), "the values of secrets are not compared"
    ended = stack.until_ended(contoso, accepted.headers["operation-location"], step="PT1M")
    assert ended.body["status"] == "Succeeded", ended
    assert _names(stack, "farshore-") == [], "the end of the operation deletes its secret"
    shown = json.dumps([accepted.body, again.body, ended.body, stack.events()], ensure_ascii=False)
    audit(secrets.values, storage=stack.storage, texts={"answers": shown, "log": caplog.text, **simulated(stack)})


def test_a_vault_that_does_not_answer_accepts_nothing(stack: Running) -> None:
    contoso = stack.caller("Tenants.Read", "Tenants.Write")
    before = contoso.get("/operations", kind="virtualMachine").body
    stack.fault("secretsDown", method="PUT", path="/secrets/", times=10)
    try:
        reply = contoso.post("/tenants/contoso/virtual-machines", _machine(stack, {"value": Marked().new()}))
    finally:
        stack.control("DELETE", "faults")
    assert (reply.status, reply.code, reply.error["target"]) == (503, "ServiceUnavailable", "adminPassword")
    assert contoso.get("/operations", kind="virtualMachine").body == before


@pytest.mark.parametrize("vault", ["kv-fabrikam", "kv-provider", "farshore", "never-was"])
def test_a_reference_into_anothers_vault_is_one_that_never_was(stack: Running, vault: str) -> None:
    contoso = stack.caller("Tenants.Read", "Tenants.Write")
    asked = _vault_requests(stack)
    given = {"keyVaultSecretId": f"{stack.azure}/_keyvault/{vault}/secrets/farshore-x"}
    reply = contoso.post("/tenants/contoso/virtual-machines", _machine(stack, given))
    assert (reply.status, reply.code, reply.error["target"]) == (404, "NotFound", "adminPassword")
    assert _vault_requests(stack) == asked, "no vault is asked"


def _leave(stack: Running, vault: str, name: str, value: str, tags: dict[str, str]) -> str:
    """Write a secret as another system leaves one, and return its id."""
    identity = f"{stack.azure}/_simulation/identity?resource={quote('https://vault.azure.net', safe='')}"
    token = call("GET", identity, headers={"X-IDENTITY-HEADER": "local"}).body["access_token"]
    secret = f"{stack.azure}/_keyvault/{vault}/secrets/{name}"
    headers = {"Authorization": f"Bearer {token}"}
    assert call("PUT", f"{secret}?api-version=7.5", {"value": value, "tags": tags}, headers=headers).status == 200
    return secret


@pytest.mark.parametrize("form", ["plain", "cloudEvent"])
def test_a_message_refers_to_a_secret_that_was_left_for_its_tenant(stack: Running, caplog: pytest.LogCaptureFixture, form: str) -> None:
    caplog.set_level(logging.DEBUG)
    contoso, secrets = stack.caller("Tenants.Read", "Tenants.Write"), Marked()
    name = f"incoming-{uuid.uuid4().hex[:8]}"
    reference = _leave(stack, "farshore", name, secrets.new(), {"tenant": "contoso"})
    body, id_ = _machine(stack, {"keyVaultSecretId": reference}), f"m-{uuid.uuid4()}"
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": "/billing",
        "type": "farshore.virtualMachine.create",
        "tenant": "contoso",
        "data": body,
    }
    plain = {"id": id_, "tenant": "contoso", "operation": "virtualMachine.create", **body}
    stack.send(json.dumps(plain if form == "plain" else {**event, "data": body}), QUEUES[2])
    made = f"/tenants/contoso/virtual-machines/{body['name']}"
    for _ in range(20):
        reply = contoso.get(made)
        if reply.status == 200 and reply.body["provisioningState"] == "Succeeded":
            break
        stack.advance("PT1M")
    assert (reply.status, (reply.body or {}).get("provisioningState")) == (200, "Succeeded"), reply
    assert _names(stack, name) == [name], "what others left is not deleted"
    audit(secrets.values, storage=stack.storage, texts={"log": caplog.text, "event": json.dumps(stack.events()), **simulated(stack)})


def test_a_message_that_refers_to_anothers_secret_is_rejected(stack: Running, operator: Caller) -> None:
    reference = _leave(stack, "farshore", f"incoming-{uuid.uuid4().hex[:8]}", Marked().new(), {"tenant": "fabrikam"})
    body = _machine(stack, {"keyVaultSecretId": reference})
    message = stack.send(json.dumps({"tenant": "contoso", "operation": "virtualMachine.create", **body}), QUEUES[2])
    (kept,) = [row for row in operator.get("/rejected-messages", top=1000).body["value"] if row["messageId"] == message]
    assert (kept["reason"]["code"], kept["reason"]["target"]) == ("NotFound", "adminPassword")


def _vault_requests(stack: Running) -> int:
    return sum(row["count"] for row in stack.control("GET", "requests")["value"] if row["operation"].startswith(("Secrets_", "KeyVault")))
