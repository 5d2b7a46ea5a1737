"""VMM over OData: what a subscription can use, and its machines. Each write runs as a job of its own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from shared.azure_pack.errors import AzurePackError, ErrorKind, other_owner
from shared.azure_pack.odata.documents import Entity as Document
from shared.azure_pack.odata.documents import read_document, single
from shared.azure_pack.odata.literals import Key, all_of, eq
from shared.azure_pack.odata.paging import pages
from shared.azure_pack.transport import Reply
from shared.azure_pack.vmm import models
from shared.azure_pack.vmm.jobs import Job
from shared.azure_pack.vmm.machines import Machine, MachineChange, NewMachine, Started, Update
from shared.azure_pack.wire.calls import Endpoint, segment
from shared.azure_pack.wire.model import Input

_ASYNCHRONOUSLY: Final = {"RunAsynchronously": "1"}
_NOT_THERE_YET: Final = timedelta(minutes=1)
M = TypeVar("M", bound=models.Entity)


class Vmm:
    """The VMM service below an endpoint. Sets that are not those of facts' tables, and filters by parent, are inferred."""

    def __init__(self, endpoint: Endpoint, *, update: Update = "PUT", owner: UUID | None = None, brackets: bool = False) -> None:
        """Take the endpoint. `update`: the method that changes an entity (inferred). `owner`: whose machines a service of all shows.

        That such a service filters by the owner is inferred, so that each machine's owner is compared, and one of another is an error.
        `brackets`: a set is written with `()`, as the admin service has it.
        """
        self._endpoint = endpoint
        self._update = update
        self._owner = owner
        self._brackets = "()" if brackets else ""

    # what a subscription can use

    async def clouds(self) -> AsyncIterator[models.Cloud]:
        """Return the clouds; a subscription has one."""
        async for each in self._list("Clouds", models.Cloud):
            yield each

    async def templates(self) -> AsyncIterator[models.Template]:
        """Return the templates."""
        async for each in self._list("VMTemplates", models.Template):
            yield each

    async def template_adapters(self, template: Key) -> tuple[models.TemplateAdapter, ...]:
        """Return the network adapters of a template."""
        path = f"/VMTemplates{template}/VirtualNetworkAdapters"
        return tuple([models.TemplateAdapter.read(each) async for each in pages(self._endpoint, path)])

    async def disks(self) -> AsyncIterator[models.Disk]:
        """Return the virtual hard disks of the library."""
        async for each in self._list("VirtualHardDisks", models.Disk):
            yield each

    async def hardware_profiles(self) -> AsyncIterator[models.HardwareProfile]:
        """Return the sizes."""
        async for each in self._list("HardwareProfiles", models.HardwareProfile):
            yield each

    async def usage(self, cloud: UUID) -> tuple[models.UsageComponent, ...]:
        """Return the quota of a cloud and what is used of it."""
        found = pages(self._endpoint, self._set("QuotaAndUsageComponents"), {"$filter": eq("CloudId", cloud)})
        return tuple([models.UsageComponent.read(each) async for each in found])

    # networks

    async def logical_networks(self) -> AsyncIterator[models.LogicalNetwork]:
        """Return the logical networks."""
        async for each in self._list("LogicalNetworks", models.LogicalNetwork):
            yield each

    async def networks(self) -> AsyncIterator[models.Network]:
        """Return the virtual networks."""
        async for each in self._list("VMNetworks", models.Network):
            yield each

    async def subnets(self, network: Key) -> AsyncIterator[models.Subnet]:
        """Return the subnets of a network."""
        async for each in self._list("VMSubnets", models.Subnet, eq("VMNetworkId", network.id)):
            yield each

    async def pools(self, subnet: Key) -> AsyncIterator[models.Pool]:
        """Return the pools of static addresses of a subnet."""
        async for each in self._list("StaticIPAddressPools", models.Pool, eq("VMSubnetId", subnet.id)):
            yield each

    async def create_network(self, network: models.NewNetwork) -> Started[models.Network]:
        """Create a virtual network."""
        return await self._create("VMNetworks", network, models.Network)

    async def create_subnet(self, subnet: models.NewSubnet) -> Started[models.Subnet]:
        """Create a subnet."""
        return await self._create("VMSubnets", subnet, models.Subnet)

    async def create_pool(self, pool: models.NewPool) -> Started[models.Pool]:
        """Create a pool of static addresses."""
        return await self._create("StaticIPAddressPools", pool, models.Pool)

    async def nat_connections(self, network: Key) -> AsyncIterator[models.NatConnection]:
        """Return the NAT connections of a network's gateways; none without a gateway."""
        gateways = [each async for each in self._list("VMNetworkGateways", models.Gateway, eq("VMNetworkId", network.id))]
        for gateway in gateways:
            async for each in self._list("NATConnections", models.NatConnection, eq("VMNetworkGatewayId", gateway.id)):
                yield each

    async def nat_rules(self, connection: Key) -> AsyncIterator[models.NatRule]:
        """Return the ports that a NAT connection passes on."""
        async for each in self._list("NATRules", models.NatRule, eq("NATConnectionId", connection.id)):
            yield each

    async def create_nat_rule(self, rule: models.NewNatRule) -> Started[models.NatRule]:
        """Pass on a port."""
        return await self._create("NATRules", rule, models.NatRule)

    async def delete(self, entity_set: str, key: Key) -> Started[None]:
        """Delete an entity of a set, such as `VMNetworks`."""
        reply = await self._endpoint.call("DELETE", f"/{segment(entity_set)}{key}", params=_ASYNCHRONOUSLY)
        return Started(await self._job_of(reply, key.stamp, None))

    # machines

    async def machines(self, *, filter: str | None = None, expand: Sequence[str] = ()) -> AsyncIterator[Machine]:  # OData's name
        """Return the machines, or those that a filter lets through (`eq`); raises `AzurePackError` FORBIDDEN for another owner."""
        filters = [each for each in (filter, None if self._owner is None else eq("Owner/RoleID", self._owner)) if each is not None]
        params = {"$filter": all_of(*filters)} if filters else {}
        if expand:
            params["$expand"] = ",".join(expand)
        async for entity in pages(self._endpoint, self._set("VirtualMachines"), params):
            yield self._of_owner(Machine.read(entity))

    async def machine(self, key: Key, *, expand: Sequence[str] = ()) -> Machine:
        """Return one machine; raises `AzurePackError` NOT_FOUND, and FORBIDDEN for another owner."""
        params = {"$expand": ",".join(expand)} if expand else None
        return self._of_owner(Machine.read(single(await self._endpoint.read(f"/VirtualMachines{key}", params=params))))

    async def create_machine(self, machine: NewMachine) -> Started[Machine]:
        """Create a machine. VMM keeps no name unique: sent twice, there are two."""
        reply = await self._endpoint.call("POST", self._set("VirtualMachines"), json=machine.as_json(), params=_ASYNCHRONOUSLY)
        entity = _entity(reply)
        return Started(await self._job_of(reply, machine.stamp, entity), None if entity is None else Machine.read(entity))

    async def operate(self, key: Key, operation: str) -> Started[Machine]:
        """Let VMM do `Start`, `Stop` (hard), `Shutdown` (by the guest), `Reset`, `Suspend`, `Resume`, `Repair`, or save the state."""
        return await self._change_machine(key, {"Operation": operation})

    async def update_machine(self, key: Key, change: MachineChange) -> Started[Machine]:
        """Change a machine."""
        return await self._change_machine(key, change.as_json())

    async def delete_machine(self, key: Key) -> Started[None]:
        """Delete a machine that does not run, with its disks."""
        return await self.delete("VirtualMachines", key)

    # checkpoints

    async def checkpoints(self, machine: Key) -> AsyncIterator[models.Checkpoint]:
        """Return the checkpoints of a machine."""
        async for each in self._list("VMCheckPoints", models.Checkpoint, eq("VMId", machine.id)):
            yield each

    async def create_checkpoint(self, machine: Key, name: str, description: str = "") -> Started[models.Checkpoint]:
        """Make a checkpoint."""
        body = {"StampId": str(machine.stamp), "VMId": str(machine.id), "Name": name, "Description": description}
        reply = await self._endpoint.call("POST", self._set("VMCheckPoints"), json=body, params=_ASYNCHRONOUSLY)
        entity = _entity(reply)
        read = None if entity is None else models.Checkpoint.read(entity)
        return Started(await self._job_of(reply, machine.stamp, entity), read)

    async def restore_checkpoint(self, checkpoint: Key) -> Started[None]:
        """Bring the machine back to a checkpoint."""
        body = {**_keys(checkpoint), "VMCheckPointAction": "Restore"}
        reply = await self._endpoint.call(self._update, f"/VMCheckPoints{checkpoint}", json=body, params=_ASYNCHRONOUSLY)
        return Started(await self._job_of(reply, checkpoint.stamp, _entity(reply)))

    async def delete_checkpoint(self, checkpoint: Key) -> Started[None]:
        """Delete a checkpoint."""
        return await self.delete("VMCheckPoints", checkpoint)

    # jobs

    async def job(self, key: Key, *, age: timedelta | None = None) -> Job:
        """Return a job. `age` is the time since it was started: within a minute one that is not found is not there yet, and not done."""
        try:
            return Job.read(single(await self._endpoint.read(f"/Jobs{key}")))
        except AzurePackError as error:
            if error.kind is ErrorKind.NOT_FOUND and age is not None and age < _NOT_THERE_YET:
                return Job.model_validate({"ID": key.id, "StampId": key.stamp})
            raise

    async def jobs(self, filter: str) -> AsyncIterator[Job]:  # OData's name
        """Return the jobs that a filter lets through."""
        async for entity in pages(self._endpoint, self._set("Jobs"), {"$filter": filter}):
            yield Job.read(entity)

    # inner

    def _of_owner(self, machine: Machine) -> Machine:
        if self._owner is not None and (machine.owner is None or machine.owner.role_id != self._owner):
            raise other_owner(self._owner)
        return machine

    def _set(self, name: str) -> str:
        return f"/{name}{self._brackets}"

    async def _list(self, name: str, model: type[M], condition: str | None = None) -> AsyncIterator[M]:
        params = {} if condition is None else {"$filter": condition}
        async for entity in pages(self._endpoint, self._set(name), params):
            yield model.read(entity)

    async def _create(self, name: str, new: Input, model: type[M]) -> Started[M]:
        body = new.as_json()
        reply = await self._endpoint.call("POST", self._set(name), json=body, params=_ASYNCHRONOUSLY)
        entity = _entity(reply)
        return Started(await self._job_of(reply, UUID(body["StampId"]), entity), None if entity is None else model.read(entity))

    async def _change_machine(self, key: Key, change: Mapping[str, Any]) -> Started[Machine]:
        body = {**_keys(key), **change}
        reply = await self._endpoint.call(self._update, f"/VirtualMachines{key}", json=body, params=_ASYNCHRONOUSLY)
        entity = _entity(reply)
        return Started(await self._job_of(reply, key.stamp, entity), None if entity is None else Machine.read(entity))

    async def _job_of(self, reply: Reply, stamp: UUID, entity: Document | None) -> Key | None:
        """Return the job that a write began: the header's id, where a job has it, else the entity's most recent task.

        The write has been done: no failure of this look is raised.
        """
        header = _guid(reply.headers.get("x-ms-request-id"))
        recent = _guid(entity.get("MostRecentTaskId")) if entity is not None else None
        if header is None or recent is None or header == recent:
            found = header or recent
            return None if found is None else Key(found, stamp)
        with suppress(AzurePackError):
            await self.job(Key(header, stamp))
            return Key(header, stamp)
        return Key(recent, stamp)


def _entity(reply: Reply) -> Document | None:
    """Return the entity of an answer to a write; None where it has none that can be read."""
    try:
        entities = read_document(reply.body).entities
    except AzurePackError:
        return None
    return entities[0] if len(entities) == 1 else None


def _keys(key: Key) -> dict[str, str]:
    return {"ID": str(key.id), "StampId": str(key.stamp)}


def _guid(value: object) -> UUID | None:
    try:
        found = UUID(str(value).strip())
    except ValueError:
        return None
    return found if found != models.EMPTY else None
