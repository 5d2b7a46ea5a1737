"""The plan of a creation: what is made, in which order and under which names, and the machine's own document. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.arm.ids import ResourceId
from shared.arm.reading import resource_id
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.values.reading import Json, an_object
from shared.virtual_machines.creation.checks import DEFAULT_OS_SKU, os_type_of, size_of
from shared.virtual_machines.creation.claims import claim_of_machine, claims_of
from shared.virtual_machines.creation.context import FOR_TAG, CreationContext
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece
from shared.virtual_machines.facts import LABEL_TAG, SLOT_TAG
from shared.virtual_machines.requests.machine import BlobSource, CreateMachine, DataDisk, DiskSource, Port
from shared.virtual_machines.rules.disks import assign_luns, is_zone_redundant
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import OsType, made_name, shared_name, suffix_of

Body = dict[str, Any]
_NETWORK: Final = "Microsoft.Network"
_COMPUTE: Final = "Microsoft.Compute"
_FRONT: Final = "frontend"
_FIRST_PRIORITY: Final = 100
_WINDOWS_GB: Final = 127
_LINUX_GB: Final = 30
"""The sizes of OS disks of most images of the platform, whose own size Azure does not list."""
LATER: Final = 1_000
"""The stage of what the machine's own PUT makes."""


@dataclass(frozen=True, slots=True)
class CreationPlan:
    """What a creation makes: its pieces, and the machine's document without its password."""

    pieces: tuple[Piece, ...]
    machine: Body
    warnings: tuple[str, ...]


def plan_creation(request: CreateMachine, context: CreationContext, operation: str, tenant: str) -> CreationPlan:
    """Return the plan of a request that was checked; the same for the same operation."""
    return _Planner(request, context, operation, tenant).plan()


def claims_of_creation(request: CreateMachine, context: CreationContext, plan: CreationPlan) -> tuple[Claimed, ...]:
    """Return what a plan's resources will count; copies have the size of their source where that is known."""
    machine = next(piece.id for piece in plan.pieces if piece.part is Part.MACHINE)
    found = [claim_of_machine(machine, size_of(context)), *claims_of(plan.pieces)]
    if context.image is not None:
        typical = _WINDOWS_GB if os_type_of(request, context) is OsType.WINDOWS else _LINUX_GB
        size = request.os_disk.size_gb or context.image.size_gb or typical
        found += [Claimed(piece.id, {Dimension.DISK_GB: float(size)}) for piece in plan.pieces if piece.part is Part.OS_DISK]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Planner:
    request: CreateMachine
    context: CreationContext
    operation: str
    tenant: str

    def plan(self) -> CreationPlan:
        disks = self._data_disks()
        pieces = [*self._set(), self._group(), *self._public(), *(piece for piece, _ in disks if piece is not None), self._adapter()]
        pieces += self._rules()
        pieces.append(Piece(part=Part.MACHINE, id=str(self._compute("virtualMachines", self._vm)), stage=LATER))
        if self.request.image is not None:
            pieces.append(Piece(part=Part.OS_DISK, id=str(self._compute("disks", self._os_name)), stage=LATER, tagged=False))
        return CreationPlan(tuple(pieces), self._machine([attachment for _, attachment in disks]), self._warnings())

    # names

    @property
    def _vm(self) -> str:
        return self.request.name

    def _named(self, part: str, base: str | None = None) -> str:
        return made_name(base or self._vm, part, self.operation)

    @property
    def _os_name(self) -> str:
        return self._named("os")

    def _compute(self, kind: str, name: str) -> ResourceId:
        return self.context.id_of(_COMPUTE, kind, name)

    def _network(self, kind: str, name: str) -> ResourceId:
        return self.context.id_of(_NETWORK, kind, name)

    def _tags(self, **more: str) -> dict[str, str]:
        """Return the tags of a resource: those of the request too, which a policy of the subscription may require of each."""
        return {**self.request.tags, TENANT_TAG: self.tenant, OPERATION_TAG: self.operation, **more}

    @property
    def _set_id(self) -> str | None:
        wanted = self.request.deployment
        if wanted is None:
            return None
        return self.context.deployment.id if self.context.deployment is not None else str(self._compute("availabilitySets", wanted.name))

    @property
    def _slot(self) -> str | None:
        if self.context.deployment is not None:
            return self.context.deployment.slot
        return (self.request.deployment.slot or "Production") if self.request.deployment is not None else None

    # pieces

    def _set(self) -> Iterator[Piece]:
        wanted = self.request.deployment
        if wanted is None or self.context.deployment is not None:
            return
        tags = self._tags(**{SLOT_TAG: self._slot or "", LABEL_TAG: wanted.label or wanted.name})
        counts = {
            "platformUpdateDomainCount": wanted.update_domain_count or 5,
            "platformFaultDomainCount": wanted.fault_domain_count or min(2, self.context.here.fault_domains),
        }
        body = {"location": self.context.region, "tags": tags, "sku": {"name": "Aligned"}, "properties": counts}
        yield Piece(part=Part.SET, id=self._set_id or "", body=body, named=True)

    @property
    def _group_id(self) -> str:
        return str(self._network("networkSecurityGroups", self._named("nsg")))

    def _group(self) -> Piece:
        rules = [self._security_rule(number, port) for number, port in enumerate(self.request.ports)]
        body = {"location": self.context.region, "tags": self._tags(), "properties": {"securityRules": rules}}
        return Piece(part=Part.SECURITY_GROUP, id=self._group_id, body=body, only_new=True)

    def _security_rule(self, number: int, port: Port) -> Body:
        return {"name": f"{port.name}-{suffix_of(self.operation)}", "properties": security_rule(port, _FIRST_PRIORITY + number)}

    @property
    def _balancer_id(self) -> str:
        if self.context.balancer is not None:
            return self.context.balancer.id
        return str(self._network("loadBalancers", shared_name(self._owner, "lb")))

    @property
    def _owner(self) -> str:
        return self._set_id or str(self._compute("virtualMachines", self._vm))

    @property
    def _front_id(self) -> str:
        found = self.context.balancer
        return found.front_end if found is not None else f"{self._balancer_id}/frontendIPConfigurations/{_FRONT}"

    @property
    def _pool_id(self) -> str:
        return f"{self._balancer_id}/backendAddressPools/{self._named('pool')}"

    def _public(self) -> Iterator[Piece]:
        """Yield the address and the balancer of the deployment or the machine where it has none yet, and the machine's own pool."""
        if not self.request.ports:
            return
        if self.context.balancer is None:
            yield from self._balancer()
        yield Piece(part=Part.POOL, id=self._pool_id, stage=2, body={"properties": {}}, tagged=False)

    def _balancer(self) -> Iterator[Piece]:
        address = str(self._network("publicIPAddresses", shared_name(self._owner, "ip")))
        where, sku = self.context.region, {"name": "Standard"}
        static = {"publicIPAllocationMethod": "Static"}
        body: Body = {"location": where, "tags": self._tags(), "sku": sku, "properties": static}
        yield Piece(part=Part.ADDRESS, id=address, body=body, only_new=True)
        front = {"name": _FRONT, "properties": {"publicIPAddress": {"id": address}}}
        tags, properties = self._tags(**{FOR_TAG: self._owner}), {"frontendIPConfigurations": [front]}
        body = {"location": where, "tags": tags, "sku": sku, "properties": properties}
        yield Piece(part=Part.BALANCER, id=self._balancer_id, stage=1, body=body, only_new=True)

    @property
    def _adapter_id(self) -> str:
        return str(self._network("networkInterfaces", self._named("nic")))

    def _adapter(self) -> Piece:
        configuration: Body = {"subnet": {"id": self.context.subnet_id}, "privateIPAllocationMethod": "Dynamic", "primary": True}
        if self.request.ports:
            configuration["loadBalancerBackendAddressPools"] = [{"id": self._pool_id}]
        properties = {
            "ipConfigurations": [{"name": "primary", "properties": configuration}], "networkSecurityGroup": {"id": self._group_id},
        }  # fmt: skip
        body = {"location": self.context.region, "tags": self._tags(), "properties": properties}
        return Piece(part=Part.ADAPTER, id=self._adapter_id, stage=3, body=body)

    def _rules(self) -> Iterator[Piece]:
        for number, port in enumerate(self.request.ports):
            rule = f"{self._balancer_id}/inboundNatRules/{port.name}-{suffix_of(self.operation)}"
            body = {"properties": nat_rule(port, self._front_id, self._pool_id)}
            yield Piece(part=Part.NAT_RULE, id=rule, stage=4 + number, body=body, tagged=False)

    def _data_disks(self) -> list[tuple[Piece | None, Body]]:
        image = self.context.image
        taken = image.luns if image is not None else ()
        luns = assign_luns([disk.lun for disk in self.request.data_disks], taken) or ()
        found: list[tuple[Piece | None, Body]] = []
        for number, (disk, lun) in enumerate(zip(self.request.data_disks, luns, strict=True)):
            standing = self.context.existing.get(number)
            if standing is not None:
                grows = disk.size_gb is not None and disk.size_gb > standing.size_gb
                piece = Piece(part=Part.DATA_DISK, id=standing.id, existing=True, grow_to=disk.size_gb if grows else None)
                found.append((piece, attachment(lun, standing.id, disk.caching)))
                continue
            disk_id = str(self._compute("disks", disk.name or self._named(f"data{lun}")))
            body = new_disk(disk, self.context.region, self.request.zone, self._tags())
            piece = Piece(part=Part.DATA_DISK, id=disk_id, body=body, named=disk.name is not None)
            found.append((piece, attachment(lun, disk_id, disk.caching)))
        return found

    # the machine

    def _machine(self, disks: list[Body]) -> Body:
        size = size_of(self.context)
        tags = self._tags(**({SLOT_TAG: self._slot} if self._slot else {}))
        properties: Body = {
            "hardwareProfile": {"vmSize": size.name if size is not None else self.context.size},
            "storageProfile": self._storage(disks),
            "networkProfile": {
                "networkInterfaces": [{"id": self._adapter_id, "properties": {"primary": True, "deleteOption": "Delete"}}],
            },
        }
        if self._set_id is not None:
            properties["availabilitySet"] = {"id": self._set_id}
        if self.request.security_type != "Standard":  # Standard must not be sent without a feature of the subscription
            properties["securityProfile"] = {
                "securityType": self.request.security_type, "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
            }  # fmt: skip
        if self.request.image is not None:
            properties["osProfile"] = self._os_profile()
        body: Body = {"location": self.context.region, "tags": tags, "properties": properties}
        return body | ({"zones": [self.request.zone]} if self.request.zone is not None else {})

    def _storage(self, disks: list[Body]) -> Body:
        wanted, image, standing = self.request.os_disk, self.context.image, self.context.os_disk
        if image is None:
            disk: Body = {
                "createOption": "Attach", "managedDisk": {"id": standing.id if standing is not None else ""},
                "caching": str(wanted.caching),
                "osType": str(os_type_of(self.request, self.context) or ""), "deleteOption": "Detach",
            }  # fmt: skip
            return {"osDisk": disk, "dataDisks": disks}
        disk = {
            "name": self._os_name, "createOption": "FromImage", "caching": str(wanted.caching), "deleteOption": "Detach",
            "managedDisk": {"storageAccountType": wanted.sku or DEFAULT_OS_SKU},
        }  # fmt: skip
        if wanted.size_gb is not None:
            disk["diskSizeGB"] = wanted.size_gb
        own = [{"lun": lun, "name": self._named(f"data{lun}"), "createOption": "FromImage", "deleteOption": "Detach"} for lun in image.luns]
        return {"imageReference": image.reference, "osDisk": disk, "dataDisks": [*own, *disks]}

    def _os_profile(self) -> Body:
        request = self.request
        return os_profile(
            request.computer_name or request.name, request.admin_username or "", request.ssh_public_keys,
            os_type_of(request, self.context), has_password=request.admin_password is not None,
        )  # fmt: skip

    def _warnings(self) -> tuple[str, ...]:
        return subnet_warnings(self.context.subnet) if self.request.ports else ()


NO_OUTBOUND: Final = (
    "The machine has no outbound access to the internet: Azure gives none to members of a pool, and its subnet has neither a NAT gateway "
    "nor a route table."
)


def subnet_warnings(subnet: Json) -> tuple[str, ...]:
    """Return what a subnet's properties keep from a machine with ports: outbound access, and the ports themselves."""
    outbound = bool(an_object(subnet, "natGateway") or an_object(subnet, "routeTable"))
    group = resource_id(an_object(subnet, "networkSecurityGroup"), "id")
    found = () if outbound else (NO_OUTBOUND,)
    return found if group is None else (*found, f"The security group {group} of the subnet must allow the ports too. It is not changed.")


def os_profile(computer: str, admin: str, keys: Sequence[str], os_type: OsType | None, *, has_password: bool) -> Body:
    """Return the profile of a machine's operating system, without its password."""
    profile: Body = {"computerName": computer, "adminUsername": admin}
    if os_type is not OsType.LINUX:
        return profile
    linux: Body = {"disablePasswordAuthentication": not has_password}
    if keys:
        path = f"/home/{admin}/.ssh/authorized_keys"
        linux["ssh"] = {"publicKeys": [{"path": path, "keyData": key} for key in keys]}
    return profile | {"linuxConfiguration": linux}


def security_rule(port: Port, priority: int) -> Body:
    """Return the properties of the security rule that lets a port in."""
    sources = list(port.allowed_sources)
    one = len(sources) == 1
    return {
        "protocol": port.protocol.capitalize(), "access": "Allow", "direction": "Inbound", "priority": priority,
        "sourcePortRange": "*", "destinationPortRange": str(port.local_port), "destinationAddressPrefix": "*",
        **({"sourceAddressPrefix": sources[0]} if one else {"sourceAddressPrefixes": sources}),
    }  # fmt: skip


def nat_rule(port: Port, front_end: str, pool: str) -> Body:
    """Return the properties of the NAT rule of a port: version 2, a range of one port [I: for a pool with one member]."""
    return {
        "frontendIPConfiguration": {"id": front_end}, "backendAddressPool": {"id": pool}, "protocol": port.protocol.capitalize(),
        "frontendPortRangeStart": port.port, "frontendPortRangeEnd": port.port, "backendPort": port.local_port,
    }  # fmt: skip


def new_disk(disk: DataDisk, region: str, zone: str | None, tags: dict[str, str]) -> Body:
    """Return the document of a new data disk; disks of all zones have no zone of their own."""
    sku = disk.sku or DEFAULT_OS_SKU
    creation: Body = {"createOption": "Empty"}
    if isinstance(disk.source, BlobSource):
        creation = {"createOption": "Import", "sourceUri": disk.source.blob_uri, "storageAccountId": disk.source.storage_account_id}
    elif isinstance(disk.source, DiskSource):
        creation = {"createOption": "Copy", "sourceResourceId": disk.source.id}
    properties: Body = {"creationData": creation} | ({"diskSizeGB": disk.size_gb} if disk.size_gb is not None else {})
    body: Body = {"location": region, "tags": tags, "sku": {"name": sku}, "properties": properties}
    return body | ({"zones": [zone]} if zone is not None and not is_zone_redundant(sku) else {})


def attachment(lun: int, disk_id: str, caching: str) -> Body:
    """Return a data disk as a machine's document attaches it."""
    return {"lun": lun, "createOption": "Attach", "managedDisk": {"id": disk_id}, "caching": str(caching), "deleteOption": "Detach"}
