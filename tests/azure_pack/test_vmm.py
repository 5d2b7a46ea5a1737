"""Virtual machines over real TLS: sets, filters, pages, jobs, and the rules by which VMM lets a job fail."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from local.simulation.azure_pack.filters import condition
from local.simulation.azure_pack.sample import CLOUDS, OWNER, STAMP, SUBSCRIPTION
from shared.azure_pack.admin.client import AdminClient, Via
from shared.azure_pack.authorization import CertificateAuthorization
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.odata.literals import Key, all_of, eq, literal
from shared.azure_pack.transport import Transport
from shared.azure_pack.vm_roles import RoleDefinition
from shared.azure_pack.vmm import models
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.jobs import Job
from shared.azure_pack.vmm.machines import MachineChange, MachineOwner, NewMachine, Started
from shared.azure_pack.wire.calls import Endpoint
from shared.values.hidden import Hidden
from tests.azure_pack.clients import administrator, by_certificate, by_token, refused
from tests.azure_pack.pack import Pack, running_pack
from tests.azure_pack.support import authority, now, serving

ID = UUID(SUBSCRIPTION)
WAYS: dict[str, Callable[[Pack], Vmm]] = {
    "certificate": lambda pack: by_certificate(pack).machines(ID),
    "token": lambda pack: by_token(pack).machines(ID),
    "admin subscription": lambda pack: administrator(pack).machines(ID),
    "admin": lambda pack: administrator(pack).machines(ID, Via.ADMIN),
    "merge": lambda pack: by_certificate(pack).machines(ID, update="MERGE"),
}


async def by_name(vmm: Vmm) -> dict[str | None, Key]:
    return {each.name: each.key async for each in vmm.machines()}


async def ended(pack: Pack, vmm: Vmm, started: Started[Any]) -> Job:
    """Let the time pass that a job takes, and return it."""
    assert started.job is not None
    assert not (await vmm.job(started.job)).done
    pack.pass_time(seconds=31)
    job = await vmm.job(started.job)
    assert job.done
    return job


async def new_machine(vmm: Vmm, **members: Any) -> NewMachine:
    cloud = await anext(vmm.clouds())
    template = await anext(vmm.templates())
    return NewMachine(name="new", stamp=cloud.stamp, cloud=cloud.id, template=template.id, **members)


@pytest.mark.parametrize("way", WAYS)
async def test_a_machine_is_made_started_stopped_and_deleted(pack: Pack, way: str) -> None:
    vmm = WAYS[way](pack)
    started = await vmm.create_machine(await new_machine(vmm, admin_password=Hidden("hush"), owner=MachineOwner(OWNER, ID)))
    assert started.entity is not None
    assert started.entity.is_being_made
    key = started.entity.key
    pack.pass_time(seconds=15)
    assert started.job is not None
    assert 40 <= (await vmm.job(started.job)).percent <= 60
    assert (await ended(pack, vmm, started)).succeeded
    assert (await vmm.machine(key)).status_string == "Stopped"
    for operation, state in (("Start", "Running"), ("Suspend", "Paused"), ("Resume", "Running"), ("Shutdown", "Stopped")):
        assert (await ended(pack, vmm, await vmm.operate(key, operation))).succeeded
        assert (await vmm.machine(key)).status_string == state
    assert (await ended(pack, vmm, await vmm.delete_machine(key))).succeeded
    assert (await refused(vmm.machine(key))).kind is ErrorKind.NOT_FOUND
    assert "hush" not in json.dumps(pack.platform.effects.since(0)) + json.dumps(pack.platform.estate())


async def test_a_machine_has_its_members(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    machine = await vmm.machine((await by_name(vmm))["web-1"], expand=("VirtualNetworkAdapters", "VirtualDiskDrives"))
    assert (machine.status_string, machine.cpu_count, machine.memory, machine.cloud_id) == ("Running", 1, 1024, UUID(CLOUDS[0]))
    assert machine.owner is not None
    assert (machine.owner.user_name, machine.owner.role_id) == (OWNER, ID)
    assert (len(machine.adapters), len(machine.disks)) == (1, 1)
    assert not machine.is_being_made
    assert (await vmm.machine(machine.key)).adapters == ()


async def test_what_a_subscription_can_use(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    assert [each.name async for each in vmm.clouds()] == ["Gold"]
    templates = {each.name: each async for each in vmm.templates()}
    assert (templates["Ubuntu"].cpu_count, templates["Ubuntu"].memory, templates["Ubuntu"].total_size) == (1, 1024, 20 << 30)
    assert len(await vmm.template_adapters(templates["Ubuntu"].key)) == 2
    assert [each.name async for each in vmm.disks()] == ["centos.vhdx"]
    assert [(each.name, each.memory) async for each in vmm.hardware_profiles()] == [("Small", 1024), ("Large", 8192)]
    usage = {each.quota_dimension: (each.role_usage, each.role_quota) for each in await vmm.usage(UUID(CLOUDS[0]))}
    assert usage["VMCount"] == (4, 10)


async def test_networks_and_ports(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    logical = await anext(vmm.logical_networks())
    network = (await vmm.create_network(models.NewNetwork(name="mine", stamp=UUID(STAMP), logical_network_id=logical.id))).entity
    assert network is not None
    subnet = (await vmm.create_subnet(models.NewSubnet(name="s", stamp=UUID(STAMP), subnet="10.9.0.0/24", vm_network=network.id))).entity
    assert subnet is not None
    pool = models.NewPool(
        name="p", stamp=UUID(STAMP), subnet="10.9.0.0/24", vm_subnet=subnet.id, first_address="10.9.0.4", last_address="10.9.0.9"
    )
    await vmm.create_pool(pool)
    assert [each.subnet async for each in vmm.subnets(network.key)] == ["10.9.0.0/24"]
    assert [each.first_address async for each in vmm.pools(subnet.key)] == ["10.9.0.4"]
    assert [each async for each in vmm.nat_connections(network.key)] == []
    office = {each.name: each async for each in vmm.networks()}["Office"]
    nat = await anext(vmm.nat_connections(office.key))
    rule = models.NewNatRule(
        name="ssh", stamp=UUID(STAMP), connection=nat.id, external_port=2222, internal_port=22, internal_address="10.1.0.4"
    )
    made = (await vmm.create_nat_rule(rule)).entity
    assert made is not None
    assert (await refused(vmm.create_nat_rule(rule))).code == "PortInUse"
    assert [(each.external_port, each.internal_port) async for each in vmm.nat_rules(nat.key)] == [(2222, 22)]
    await vmm.delete("NATRules", made.key)
    await vmm.delete("VMNetworks", network.key)
    assert "mine" not in [each.name async for each in vmm.networks()]


async def test_checkpoints(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    machine = (await by_name(vmm))["web-1"]
    assert (await ended(pack, vmm, await vmm.create_checkpoint(machine, "before", "an update"))).succeeded
    checkpoint = await anext(vmm.checkpoints(machine))
    assert (checkpoint.name, checkpoint.machine) == ("before", machine.id)
    assert (await ended(pack, vmm, await vmm.restore_checkpoint(checkpoint.key))).succeeded
    assert (await vmm.machine(machine)).status_string == "Stopped"
    assert (await ended(pack, vmm, await vmm.delete_checkpoint(checkpoint.key))).succeeded
    assert [each async for each in vmm.checkpoints(machine)] == []


@pytest.mark.parametrize(
    ("machine", "operation"), [("web-1", "Start"), ("batch", "Reset"), ("web-2", "Shutdown"), ("batch", "Stop")], ids=str
)
async def test_what_vmm_cannot_do_is_a_job_that_fails_with_its_text(pack: Pack, machine: str, operation: str) -> None:
    vmm = by_certificate(pack).machines(ID)
    key = (await by_name(vmm))[machine]
    before = (await vmm.machine(key)).status_string
    job = await ended(pack, vmm, await vmm.operate(key, operation))
    error = job.error
    assert not job.succeeded
    assert error is not None
    assert (error.kind, error.job, bool(error.recommended_action)) == (ErrorKind.JOB_FAILED, job.id, True)
    assert (await vmm.machine(key)).status_string == before


async def test_a_running_machine_is_neither_deleted_nor_changed(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    key = (await by_name(vmm))["web-1"]
    assert not (await ended(pack, vmm, await vmm.delete_machine(key))).succeeded
    assert not (await ended(pack, vmm, await vmm.update_machine(key, MachineChange(memory=2048)))).succeeded
    assert (await ended(pack, vmm, await vmm.update_machine(key, MachineChange(name="renamed", tag="farshore:1")))).succeeded
    assert (await ended(pack, vmm, await vmm.operate(key, "Stop"))).succeeded
    assert (await ended(pack, vmm, await vmm.update_machine(key, MachineChange(memory=2048, cpu_count=2)))).succeeded
    machine = await vmm.machine(key)
    assert (machine.name, machine.tag, machine.memory, machine.cpu_count) == ("renamed", "farshore:1", 2048, 2)


async def test_an_operation_that_the_installation_does_not_know() -> None:
    for knows in (True, False):
        async with running_pack(knowsSaveState=knows) as pack:
            vmm = by_certificate(pack).machines(ID)
            key = (await by_name(vmm))["web-1"]
            if knows:
                assert (await ended(pack, vmm, await vmm.operate(key, "SaveState"))).succeeded
                assert (await vmm.machine(key)).status_string == "Saved"
            else:
                error = await refused(vmm.operate(key, "SaveState"))
                assert (error.kind, error.status, error.code) == (ErrorKind.INVALID, 400, "BadRequest")


async def test_a_quota_that_is_exceeded_leaves_a_machine_that_failed(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    started = await vmm.create_machine(await new_machine(vmm, cpu_count=64))
    job = await ended(pack, vmm, started)
    assert job.error is not None
    assert "CPUCount" in job.error.message
    assert started.entity is not None
    assert (await vmm.machine(started.entity.key)).status_string == "Creation Failed"


async def test_a_machine_above_the_quota_is_not_started(pack: Pack) -> None:
    admin = administrator(pack)
    vmm = admin.machines(ID)
    row = pack.installation.gate.state.subscriptions.get(SUBSCRIPTION)
    assert row is not None
    for limit, starts in ((3, False), (4, True)):
        lowered = row | {"_inForce": row["_inForce"] | {"VMCount": limit}}
        pack.installation.gate.apply((pack.installation.gate.state.put("subscriptions", lowered),))
        assert (await ended(pack, vmm, await vmm.operate((await by_name(vmm))["batch"], "Start"))).succeeded is starts


async def test_faults_of_jobs(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    machines = await by_name(vmm)
    pack.fault("failVmmJob", code="609", problem="No host.", recommendedAction="Add a host.")
    error = (await ended(pack, vmm, await vmm.operate(machines["web-1"], "Stop"))).error
    assert error is not None
    assert (error.code, error.message, error.recommended_action) == ("609", "No host.", "Add a host.")
    pack.fault("stallVmmJob")
    stalled = (await vmm.operate(machines["web-2"], "Stop")).job
    assert stalled is not None
    pack.pass_time(hours=1)
    job = await vmm.job(stalled)
    assert (job.done, job.percent) == (False, 50)
    pack.fault("lateJob", delay="PT40S")
    late = (await vmm.operate(machines["batch"], "Start")).job
    assert late is not None
    assert not (await vmm.job(late, age=timedelta(seconds=59))).done
    assert (await refused(vmm.job(late))).kind is ErrorKind.NOT_FOUND
    assert (await refused(vmm.job(late, age=timedelta(minutes=1)))).kind is ErrorKind.NOT_FOUND
    pack.pass_time(seconds=41)
    assert (await vmm.job(late)).succeeded


async def test_machines_are_filtered_and_all_pages_are_read_on_our_own_address(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    template = pack.installation.gate.state.machines_of(SUBSCRIPTION)[0]
    state = pack.installation.gate.state
    for number in range(120):
        machine = template | {"ID": str(UUID(int=number)), "Name": f"m'{number % 60} ü&+", "StatusString": "Stopped"}
        pack.installation.gate.apply((state.put_entity("VirtualMachines", machine),))
    names = [each.name async for each in vmm.machines()]
    assert len(names) == 124
    assert len([each async for each in vmm.machines(filter=eq("StatusString", "Stopped"))]) == 121
    wanted = all_of(eq("Name", "m'7 ü&+"), eq("StatusString", "Stopped"), eq("Owner/RoleID", ID))
    assert sorted([each.id.int async for each in vmm.machines(filter=wanted)]) == [7, 67]


async def test_machines_of_another_subscription_are_not_seen(pack: Pack) -> None:
    state = pack.installation.gate.state
    other = state.machines_of(SUBSCRIPTION)[0] | {"ID": str(uuid4()), "Name": "other", "Owner": {"UserName": "x", "RoleID": str(uuid4())}}
    pack.installation.gate.apply((state.put_entity("VirtualMachines", other),))
    for way in WAYS.values():
        assert "other" not in await by_name(way(pack))
    assert "other" in await by_name(administrator(pack).machines(None, Via.ADMIN))
    key = Key(UUID(other["ID"]), UUID(STAMP))
    assert (await refused(by_certificate(pack).machines(ID).machine(key))).kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize("owner", [{"UserName": "x", "RoleID": str(uuid4())}, {"UserName": "x"}, None])
async def test_a_machine_that_the_admin_service_shows_of_another_owner_is_refused(owner: dict[str, str] | None) -> None:
    async with running_pack(adminFiltersMachines=False) as pack:
        admin, state = administrator(pack).machines(ID, Via.ADMIN), pack.installation.gate.state
        own = (await by_name(admin))["web-1"]
        other = state.machines_of(SUBSCRIPTION)[0] | {"ID": str(uuid4()), "Name": "theirs", "Owner": owner}
        pack.installation.gate.apply((state.put_entity("VirtualMachines", other),))
        for seen in (by_name(admin), admin.machine(Key(UUID(other["ID"]), UUID(STAMP)))):
            error = await refused(seen)
            assert (error.kind, error.cause) == (ErrorKind.FORBIDDEN, Cause.OTHER_OWNER)
            assert "theirs" not in error.message, "nothing of the machine is named"
        assert (await admin.machine(own)).name == "web-1"
        assert "theirs" in await by_name(administrator(pack).machines(None, Via.ADMIN)), "the service of all without an owner"


async def test_a_suspended_subscription_is_closed_to_its_tenant_and_open_to_the_administrator() -> None:
    for allows in (True, False):
        async with running_pack(suspendedAllowsAdmin=allows) as pack:
            admin: AdminClient = administrator(pack)
            key = (await by_name(admin.machines(ID)))["web-1"]
            await admin.suspend(ID)
            assert (await refused(by_certificate(pack).machines(ID).machine(key))).kind is ErrorKind.FORBIDDEN
            if allows:
                assert (await admin.machines(ID).machine(key)).status_string == "Running"
            else:
                assert (await refused(admin.machines(ID).machine(key))).kind is ErrorKind.FORBIDDEN


def test_only_the_admin_service_has_the_machines_of_all(pack: Pack) -> None:
    with pytest.raises(ValueError, match="all subscriptions"):
        administrator(pack).machines(None)


async def test_a_lost_answer_to_a_creation_is_in_doubt_and_made_once(pack: Pack) -> None:
    vmm = by_certificate(pack).machines(ID)
    new = await new_machine(vmm, tag="farshore:op-1")
    pack.fault("lostResponse", method="POST")
    error = await refused(vmm.create_machine(new))
    assert (error.kind, error.sent) == (ErrorKind.NO_ANSWER, True)
    assert len([each async for each in vmm.machines(filter=eq("Tag", "farshore:op-1"))]) == 1


# answers that the simulation does not give


def stub(url: str, transport: Transport) -> Vmm:
    return Vmm(Endpoint(url, transport, CertificateAuthorization()))


@pytest.mark.parametrize("has_job", [True, False])
async def test_the_job_is_the_header_s_where_a_job_has_its_id_else_the_most_recent_task(has_job: bool) -> None:  # a case
    header, recent = uuid4(), uuid4()
    key = Key(uuid4(), uuid4())

    async def answer(request: web.Request) -> web.Response:
        if "/Jobs" in request.path:
            return web.json_response({"ID": str(header), "StampId": str(key.stamp)}, status=200 if has_job else 404)
        body = {"ID": str(key.id), "StampId": str(key.stamp), "MostRecentTaskId": str(recent)}
        return web.json_response(body, headers={"x-ms-request-id": str(header)})

    async with serving(answer) as server:
        transport = Transport(tls=TlsOptions(authority().pem), now=now)
        started = await stub(server.url, transport).operate(key, "Start")
        await transport.close()
    assert started.job == Key(header if has_job else recent, key.stamp)


@pytest.mark.parametrize("loops", [True, False])
async def test_a_next_link_is_followed_on_our_own_address_and_a_circle_ends(loops: bool) -> None:  # a case
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.rel_url.raw_query_string)
        number = int(request.query.get("page", "0"))
        link = "https://inner.invalid:8090/VMM/Clouds?page=" + ("1" if loops else str(number + 1))
        body = {"value": [{"StampId": str(uuid4()), "ID": str(uuid4())}]} | ({"odata.nextLink": link} if loops or number < 2 else {})
        return web.json_response(body)

    async with serving(answer) as server:
        transport = Transport(tls=TlsOptions(authority().pem), now=now)
        clouds = stub(server.url, transport).clouds()
        if loops:
            with pytest.raises(AzurePackError) as raised:
                [each async for each in clouds]
            assert raised.value.kind is ErrorKind.UNREADABLE
        else:
            assert len([each async for each in clouds]) == 3
        await transport.close()
    assert asked == (["", "page=1"] if loops else ["", "page=1", "page=2"])


JOB = {"ID": str(uuid4()), "StampId": STAMP}


@pytest.mark.parametrize(
    ("members", "done", "succeeded"),
    [
        ({"Status": "Running", "ProgressValue": "40"}, False, False),
        ({"Status": "Completed", "IsCompleted": True}, True, True),
        ({"Status": "SucceedWithInfo"}, True, True),
        ({"ProgressValue": 100, "ErrorInfo": {"IsSuccess": True}}, True, True),
        ({"Status": "Reconciled", "IsCompleted": "true", "ErrorInfo": {"IsSuccess": "false", "Code": 7}}, True, False),
        ({"Status": "Failed", "IsCompleted": True, "ErrorInfo": None}, True, False),
        ({"Status": "canceled"}, True, False),
        ({"Status": "Invalid", "ErrorInfo": {"IsSuccess": True}}, True, False),
    ],
)
def test_when_a_job_has_ended_and_how(members: dict[str, object], done: bool, succeeded: bool) -> None:  # expected values
    job = Job.read(JOB | members)
    assert (job.done, job.succeeded) == (done, succeeded)
    assert (job.error is not None) is (done and not succeeded)


@given(st.text())
def test_a_filter_of_any_text_finds_that_text_and_nothing_else(text: str) -> None:
    holds = condition(f"(Name eq {literal(text)}) and (A eq 1 or A eq 2)")
    assert holds({"Name": text, "A": 2})
    assert not holds({"Name": text + "x", "A": 2})
    assert not holds({"Name": text, "A": 3})


# VM roles


async def test_a_vm_role_is_made_scaled_repaired_and_deleted(pack: Pack) -> None:
    tenant = by_certificate(pack)
    roles = tenant.vm_roles(ID)
    assert [each.name async for each in roles.gallery()] == ["WebServer"]
    assert (await roles.gallery_item("WebServer")).version == "1.0.0.0"
    assert (await roles.create_cloud_service("shop", "Shop")).provisioning_state == "Provisioned"
    assert (await refused(roles.create_cloud_service("shop", "Shop"))).kind is ErrorKind.CONFLICT
    definition = RoleDefinition(name="web", label="Web", resource_definition={}, resource_configuration={}, instance_count=2)
    assert (await roles.create_role("shop", definition)).instance_count == 2
    await roles.scale("shop", "web", 3)
    machines = await roles.vms("shop", "web")
    assert [each.computer_name for each in machines] == ["web-1", "web-2", "web-3"]
    await roles.repair("shop", "web", machines[0].id, skip=True)
    assert (await roles.role("shop", "web")).scale_out is not None
    assert [each.name async for each in roles.roles("shop")] == ["web"]
    assert len([each async for each in tenant.machines(ID).machines()]) == 7
    assert (await refused(roles.scale("shop", "web", 50))).kind is ErrorKind.INVALID
    await roles.delete_role("shop", "web")
    await roles.delete_cloud_service("shop")
    assert [each async for each in roles.cloud_services()] == []
    assert len([each async for each in tenant.machines(ID).machines()]) == 4
