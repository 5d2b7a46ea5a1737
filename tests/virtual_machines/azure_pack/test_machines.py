"""Each row of the table of machines on Azure Pack: what works, and what is refused with what does (docs/design/azure-pack.md)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from local.simulation.azure_pack.sample import SUBSCRIPTION
from tests.data_centers.bench import Bench
from tests.data_centers.documents import TENANT, WRITER
from tests.virtual_machines.azure_pack.kit import CUSTOMER, TEMPLATE, ask, customer, done, named, succeeded


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Bench]:
    async with customer() as running:
        yield running


# reading


async def test_machines_are_listed_and_read_by_name_and_by_id(app: Bench) -> None:
    listed = (await ask(app, "GET", "")).body["value"]
    assert {one["name"]: one["powerState"] for one in listed} == {
        "batch": "stopped", "desk": "paused", "web-1": "running", "web-2": "running",
    }  # fmt: skip
    one = (await ask(app, "GET", "/web-1")).body
    assert (one["updateDomain"], one["faultDomain"], one["service"]) == (None, None, None)
    assert (one["cores"], one["memoryGB"], one["osType"]) == (1, 1, "Linux")
    assert one["azurePack"]["subscriptionId"] == SUBSCRIPTION
    assert one["azurePack"]["statusString"] == "Running"
    assert (await ask(app, "GET", f"/{one['id']}")).body["name"] == "web-1"
    assert [machine["name"] for machine in (await ask(app, "GET", "?powerState=paused")).body["value"]] == ["desk"]
    assert (await ask(app, "GET", "/no-such")).status == 404
    assert app.calls(30004) == 0, "the customer's certificate is enough"


async def test_a_name_that_two_machines_have_is_ambiguous(app: Bench) -> None:
    app.machine("web-1", "Stopped", SUBSCRIPTION)
    reply = await ask(app, "POST", "/web-1/start")
    assert (reply.status, reply.code) == (409, "AmbiguousName")
    assert len(reply.body["error"]["details"]) == 2


async def test_images_are_templates_and_disks_with_an_operating_system(app: Bench) -> None:
    path = f"/tenants/{TENANT}/images"
    listed = (await app.request("GET", path, caller=CUSTOMER)).body["value"]
    assert {one["name"]: (one["kind"], one["osType"]) for one in listed} == {
        "Ubuntu": ("template", "Linux"), "Windows Server": ("template", "Windows"), "centos.vhdx": ("disk", "Linux"),
    }  # fmt: skip
    one = (await app.request("GET", f"{path}/Ubuntu", caller=CUSTOMER)).body
    assert (one["cores"], one["memoryGB"], one["sizeGB"], one["generation"]) == (1, 1, 20, 1)
    assert (await app.request("GET", f"{path}/{one['id']}", caller=CUSTOMER)).body["name"] == "Ubuntu"


async def test_sizes_are_hardware_profiles_and_networks_have_their_subnets(app: Bench) -> None:
    sizes = (await app.request("GET", f"/tenants/{TENANT}/sizes", caller=CUSTOMER)).body["value"]
    assert {one["name"]: (one["cores"], one["memoryGB"]) for one in sizes} == {"Large": (4, 8), "Small": (1, 1)}
    networks = (await app.request("GET", f"/tenants/{TENANT}/networks", caller=CUSTOMER)).body["value"]
    assert [(one["name"], one["logicalNetwork"], one["hasGateway"]) for one in networks if one["name"] == "Office"] == [
        ("Office", "Inside", True)
    ]
    assert {one["subnets"][0]["addressPrefix"] for one in networks} == {"10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"}


# creating


async def test_a_machine_is_made_of_a_template_and_started(app: Bench) -> None:
    reply = await ask(app, "POST", "", TEMPLATE | {"cores": 2, "memoryGB": 1.5, "description": "an app"})
    result = await succeeded(app, reply)
    shown = (await ask(app, "GET", f"/{result['resourceId']}")).body
    assert (shown["name"], shown["powerState"], shown["cores"], shown["memoryGB"]) == ("app-1", "running", 2, 1.5)
    assert (shown["description"], shown["networks"]) == ("an app", ["Office"])
    assert result["powerState"] == "running"
    [made] = named(app, "app-1")
    assert made["Tag"] == f"farshore:{reply.operation}"
    assert made["Owner"]["RoleID"] == SUBSCRIPTION
    assert not [one for one in app.effects() if one[0] == "POST" and "StartVM" in one[1]]


async def test_a_machine_is_made_of_a_disk_and_a_size_and_stays_off_where_it_is_not_to_start(app: Bench) -> None:
    body = {"name": "db-1", "image": "centos.vhdx", "size": "Large", "start": False}
    result = await succeeded(app, await ask(app, "POST", "", body))
    shown = (await ask(app, "GET", "/db-1")).body
    assert (shown["powerState"], shown["cores"], shown["memoryGB"]) == ("stopped", 4, 8)
    assert result["powerState"] == "stopped"


async def test_with_the_providers_sign_in_a_machine_is_the_subscriptions_and_not_the_administrators(app: Bench) -> None:
    [ended] = await app.until_ended(await app.place())
    subscription = ended["result"]["subscriptionId"]
    body = TEMPLATE | {"subscriptionId": subscription}
    await succeeded(app, await ask(app, "POST", "", body))
    [made] = named(app, "app-1")
    assert made["Owner"] == {
        "UserName": "ada@northwind.example",
        "RoleName": f"ada@northwind.example_{subscription}",
        "RoleID": subscription,
    }
    assert app.calls(30009) == 1, "data centers and machines of one process share their sign-in"


async def test_an_administrator_comes_from_key_vault_and_is_in_the_one_call_alone(app: Bench) -> None:
    body = TEMPLATE | {"image": "Windows Server", "adminUsername": "ops", "adminPassword": {"value": "S3cret-of-machine!"}}
    result = await succeeded(app, await ask(app, "POST", "", body))
    assert result["powerState"] == "running"
    assert not [name for name in app.vaults.names() if name.startswith("farshore-")], "the end deletes it"


_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mO0dEnXr6eRCEzWh8pAhGKQ1c2W6bqJ2FJ2j3k4lm a"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"size": "Small"}, "size"),
    ({"image": "centos.vhdx"}, "size"),
    ({"image": "Windows Server", "computerName": "longer-than-fifteen"}, "computerName"),
    ({"image": "Windows Server", "sshPublicKeys": [_KEY]}, "sshPublicKeys"),
    ({"adminUsername": "ops"}, "adminPassword"),
    ({"adminUsername": "ops", "adminPassword": {"value": "short"}}, "adminPassword"),
    ({"memoryGB": 0.001}, "memoryGB"),
    ({"memoryGB": 1.0005}, "memoryGB"),
    ({"cores": 65}, "cores"),
    ({"name": "a:b"}, "name"),
    ({"unknown": 1}, "unknown"),
    ({"image": "no-such"}, "image"),
    ({"network": "no-such"}, "network"),
    ({"subscriptionId": "11111111-2222-4333-8444-555555555555"}, "subscriptionId"),
]


async def test_a_creation_that_cannot_be_is_refused_with_its_field(app: Bench) -> None:
    for changes, target in REFUSED:
        reply = await ask(app, "POST", "", TEMPLATE | changes)
        assert reply.status in {400, 404}, (changes, reply)
        error = reply.body["error"]
        assert target in {error["target"], *(one["target"] for one in error["details"])}, (changes, reply)
    assert named(app, "app-1") == []


async def test_a_network_whose_name_another_has_is_ambiguous_even_by_its_id(app: Bench) -> None:
    networks = (await app.request("GET", f"/tenants/{TENANT}/networks", caller=CUSTOMER)).body["value"]
    shared = next(one["id"] for one in networks if one["name"] == "Shared")
    reply = await ask(app, "POST", "", TEMPLATE | {"network": shared})
    assert (reply.status, reply.code, reply.body["error"]["target"]) == (409, "AmbiguousName", "network")


async def test_above_its_quota_vmms_problem_and_recommended_action_are_the_operations_error_and_no_machine_is_left(app: Bench) -> None:
    ended = await done(app, await ask(app, "POST", "", TEMPLATE | {"cores": 64}))
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzurePackRefused")
    assert [one["code"] for one in ended["error"]["details"]] == ["1717", "RecommendedAction"]
    assert named(app, "app-1") == []


# what only Resource Manager has


OF_CREATION = ("service", "deployment", "region", "zone", "osDisk", "dataDisks", "subnetId", "ports", "tags", "securityType")


async def test_a_field_of_the_other_backend_is_refused_with_what_does(app: Bench) -> None:
    for field in OF_CREATION:
        reply = await ask(app, "POST", "", TEMPLATE | {field: "x"})
        assert (reply.status, reply.code, reply.body["error"]["target"]) == (409, "NotSupportedByBackend", field)
    for field in ("size", "osDisk", "tags"):
        reply = await ask(app, "PATCH", "/batch", {field: "x"})
        assert (reply.status, reply.code, reply.body["error"]["target"]) == (409, "NotSupportedByBackend", field)


PORT = {"name": "ssh", "protocol": "tcp", "port": 2222, "localPort": 22}
NOT_HERE: list[tuple[str, str, object]] = [
    ("GET", "/services", None),
    ("GET", "/services/x", None),
    ("POST", "/services", {"name": "xx"}),
    ("GET", "/services/x/deployments", None),
    ("GET", "/services/x/deployments/y", None),
    ("POST", "/images", {"name": "x"}),
    ("DELETE", "/images/x?confirm=x", None),
    ("GET", "/disks", None),
    ("GET", "/disks/x", None),
    ("DELETE", "/disks/x?confirm=x", None),
    ("POST", "/virtual-machines/web-1/capture", {}),
    ("GET", "/virtual-machines/web-1/data-disks", None),
    ("POST", "/virtual-machines/web-1/data-disks", {"sizeGB": 1}),
    ("PATCH", "/virtual-machines/web-1/data-disks/0", {"sizeGB": 2}),
    ("DELETE", "/virtual-machines/web-1/data-disks/0", None),
    ("POST", "/virtual-machines/web-1/shut-down", {"state": "deallocated"}),
    ("DELETE", "/virtual-machines/web-1?confirm=web-1", None),
    ("DELETE", "/virtual-machines/web-1?confirm=web-1&deleteDisks=os", None),
    ("POST", "/virtual-machines/web-1/ports", PORT | {"allowedSources": ["Internet"]}),
    ("GET", "/virtual-machines?service=x", None),
]


async def test_what_azure_pack_has_not_is_409_and_asks_it_nothing(app: Bench) -> None:
    before = len(app.sent)
    for method, path, body in NOT_HERE:
        reply = await app.request(method, f"/tenants/{TENANT}{path}", body, caller=CUSTOMER)
        assert (reply.status, reply.code) == (409, "NotSupportedByBackend"), (path, reply)
    assert len(app.sent) == before


# power


POWER: list[tuple[str, str, object, str]] = [
    ("batch", "start", None, "running"),
    ("batch", "shut-down", {"state": "stopped"}, "stopped"),
    ("web-2", "stop", None, "stopped"),
    ("web-1", "restart", None, "running"),
    ("web-1", "pause", None, "paused"),
    ("desk", "resume", None, "running"),
    ("desk", "save", None, "saved"),
]


async def test_power(app: Bench) -> None:
    for number, (machine, action, body, state) in enumerate(POWER, 1):
        result = await succeeded(app, await ask(app, "POST", f"/{machine}/{action}", body))
        assert (result["powerState"], result["changed"]) == (state, True), action
        assert (await ask(app, "GET", f"/{machine}")).body["powerState"] == state
        assert sum(method == "PUT" for method, _ in app.effects()) == number, "each is sent once"


async def test_what_is_so_already_changes_nothing(app: Bench) -> None:
    result = await succeeded(app, await ask(app, "POST", "/web-1/start"))
    assert (result["changed"], result["powerState"]) == (False, "running")
    assert not [method for method, _ in app.effects() if method == "PUT"]


async def test_a_machine_that_failed_is_repaired(app: Bench) -> None:
    app.machine("broken", "Update Failed", SUBSCRIPTION)
    assert (await succeeded(app, await ask(app, "POST", "/broken/repair")))["powerState"] == "stopped"


async def test_a_guest_without_integration_services_is_not_shut_down_and_vmm_gives_the_reason(app: Bench) -> None:
    ended = await done(app, await ask(app, "POST", "/web-2/shut-down", {"state": "stopped"}))
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzurePackRefused")
    assert [one["code"] for one in ended["error"]["details"]] == ["2625", "RecommendedAction"]
    assert app.power()["web-2"] == "Running"


async def test_a_machine_that_does_not_run_is_not_restarted(app: Bench) -> None:
    reply = await ask(app, "POST", "/batch/restart")
    assert (reply.status, reply.code) == (409, "NotRunning")


async def test_the_word_for_saving_is_the_installations() -> None:
    async with customer(knowsSaveState=False) as app:
        ended = await done(app, await ask(app, "POST", "/web-1/save"))
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzurePackRefused")


# changing and deleting


async def test_a_stopped_machine_is_changed_and_a_running_one_is_vmms_to_refuse(app: Bench) -> None:
    await succeeded(app, await ask(app, "PATCH", "/batch", {"cores": 2, "memoryGB": 2, "name": "batch-2", "description": "d"}))
    shown = (await ask(app, "GET", "/batch-2")).body
    assert (shown["cores"], shown["memoryGB"], shown["description"]) == (2, 2, "d")
    ended = await done(app, await ask(app, "PATCH", "/web-1", {"cores": 2}))
    assert [one["code"] for one in ended["error"]["details"]] == ["2606", "RecommendedAction"]


async def test_a_running_machine_is_stopped_and_deleted_with_its_disks(app: Bench) -> None:
    refused = await ask(app, "DELETE", "/web-1", {"confirm": "other", "deleteDisks": "all"})
    assert (refused.status, refused.body["error"]["target"]) == (400, "confirm")
    await succeeded(app, await ask(app, "DELETE", "/web-1?confirm=web-1&deleteDisks=all"))
    assert named(app, "web-1") == []
    assert (await ask(app, "GET", "/web-1")).status == 404


# checkpoints and ports


async def test_a_checkpoint_is_made_listed_restored_and_deleted(app: Bench) -> None:
    result = await succeeded(app, await ask(app, "POST", "/web-1/checkpoints", {"name": "before", "description": "d"}))
    listed = (await ask(app, "GET", "/web-1/checkpoints")).body["value"]
    assert [(one["id"], one["name"]) for one in listed] == [(result["checkpointId"], "before")]
    again = await ask(app, "POST", "/web-1/checkpoints", {"name": "Before"})
    assert (again.status, again.code) == (409, "NameTaken")
    await succeeded(app, await ask(app, "POST", "/web-1/checkpoints/before/restore"))
    assert app.power()["web-1"] == "Stopped"
    await succeeded(app, await ask(app, "DELETE", f"/web-1/checkpoints/{result['checkpointId']}"))
    assert (await ask(app, "GET", "/web-1/checkpoints")).body["value"] == []
    assert (await ask(app, "DELETE", "/web-1/checkpoints/before")).status == 404


async def test_a_port_is_a_nat_rule_of_the_networks_gateway(app: Bench) -> None:
    await succeeded(app, await ask(app, "POST", "", TEMPLATE))
    assert (await succeeded(app, await ask(app, "POST", "/app-1/ports", PORT)))["changed"]
    assert (await ask(app, "GET", "/app-1/ports")).body["value"] == [PORT | {"publicIp": None}]
    taken = await ask(app, "POST", "/app-1/ports", PORT | {"name": "other"})
    assert (taken.status, taken.code) == (409, "PortTaken")
    await succeeded(app, await ask(app, "DELETE", "/app-1/ports/ssh"))
    assert (await ask(app, "GET", "/app-1/ports")).body["value"] == []


async def test_without_a_gateway_there_are_no_ports(app: Bench) -> None:
    reply = await ask(app, "POST", "/web-1/ports", PORT)
    assert (reply.status, reply.code) == (409, "NetworkWithoutGateway")


async def test_a_machine_of_a_vm_role_is_listed_and_started_and_neither_deleted_nor_changed(app: Bench) -> None:
    app.machine("role-1", "Stopped", SUBSCRIPTION, CloudVMRoleName="web")
    assert (await ask(app, "GET", "/role-1")).body["azurePack"]["role"] == "web"
    await succeeded(app, await ask(app, "POST", "/role-1/start"))
    for method, path, body in (("DELETE", "/role-1?confirm=role-1&deleteDisks=all", None), ("PATCH", "/role-1", {"cores": 2})):
        reply = await ask(app, method, path, body)
        assert (reply.status, reply.code) == (409, "BelongsToVmRole")


# the other backend


async def test_on_resource_manager_what_only_azure_pack_has_is_409(app: Bench) -> None:
    for path in ("stop", "pause", "resume", "save", "repair", "checkpoints", "checkpoints/x/restore"):
        body = {"name": "x"} if path == "checkpoints" else None
        reply = await app.request("POST", f"/tenants/contoso/virtual-machines/vm/{path}", body, caller=WRITER)
        assert (reply.status, reply.code) == (409, "NotSupportedByBackend")
        assert "Resource Manager" in reply.body["error"]["message"]


async def test_messages_go_to_the_tenants_backend(app: Bench) -> None:
    app.send({"id": "m-1", "tenant": TENANT, "operation": "virtualMachine.pause", "target": "web-1"})
    app.send({"id": "m-2", "tenant": TENANT, "operation": "virtualMachine.createCheckpoint", "target": "batch", "name": "one"})
    app.send({"id": "m-3", "tenant": TENANT, "operation": "virtualMachine.capture", "target": "batch", "imageName": "x"})
    app.send({"id": "m-4", "tenant": "contoso", "operation": "virtualMachine.pause", "target": "vm"})
    app.send({"id": "m-5", "tenant": TENANT, "operation": "virtualMachine.create", **TEMPLATE})
    app.send({"id": "m-6", "tenant": TENANT, "operation": "virtualMachine.delete", "target": "desk", "deleteDisks": "all"})
    await app.advance(300)
    assert app.power()["web-1"] == "Paused"
    assert app.power()["app-1"] == "Running"
    assert "desk" not in app.power()
    assert [one["name"] for one in (await ask(app, "GET", "/batch/checkpoints")).body["value"]] == ["one"]
    rejected = (await app.request("GET", "/rejected-messages")).body["value"]
    assert sorted((one["messageId"], one["reason"]["code"]) for one in rejected) == [
        ("m-3", "NotSupportedByBackend"), ("m-4", "NotSupportedByBackend"),
    ]  # fmt: skip
