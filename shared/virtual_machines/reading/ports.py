"""The public ports of a machine: its adapter, its security group, and the balancer of its deployment or its own."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.records.tenant import Tenant
from shared.arm.failures import in_doubt
from shared.arm.ids import ResourceId, same
from shared.arm.reading import own_id, resource_id
from shared.errors import CallFailure, FailureKind
from shared.values.reading import Json, an_object, flag, last_segment, objects, same_text, text, texts, whole
from shared.virtual_machines.answers import Machine, MachinePort
from shared.virtual_machines.creation.context import BalancerFacts
from shared.virtual_machines.creation.pieces import TENANT_TAG
from shared.virtual_machines.facts import MachineFacts, tags_of
from shared.virtual_machines.gateway import Gateways, gateway_of
from shared.virtual_machines.reading.asking import reading_azure
from shared.virtual_machines.reading.balancers import balancer_of, is_behind_another, is_public
from shared.virtual_machines.reading.machines import MachineReader
from shared.virtual_machines.reading.places import Named
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.ports import Protocol

_POOLS = "loadBalancerBackendAddressPools"
_SHOWN_ONLY = frozenset(
    (
        "defaultoutboundconnectivityenabled", "dscpconfiguration", "hostedworkloads", "ipconfigurations", "macaddress", "primary",
        "privateendpoint", "privatelinkservice", "provisioningstate", "resourceguid", "tapconfigurations", "virtualmachine",
        "vnetencryptionsupported",
    )
)  # fmt: skip
"""Members of an adapter's properties that Azure shows and a PUT does not take."""


@dataclass(frozen=True, slots=True)
class PortSurroundings:
    """What a port of a machine needs: documents of its adapter and security group, and the balancer that Farshore made for it.

    `pool` is the pool of that balancer which the adapter is in; `rules` are the balancer's NAT rules. `others` are the documents of the
    balancers that others made and that lead to the machine; `set_is_behind_another` is whether one leads to another machine of its set.
    """

    machine: MachineFacts
    adapter_id: ResourceId
    adapter: Json
    group_id: ResourceId | None
    group: Json
    balancer: BalancerFacts | None
    pool: str | None
    rules: tuple[Json, ...]
    others: tuple[Json, ...] = ()
    set_is_behind_another: bool = False

    @property
    def owner(self) -> str:
        """Whose the balancer is: the availability set, else the machine."""
        return self.machine.availability_set or self.machine.id

    @property
    def is_made_by_farshore(self) -> bool:
        """Whether Farshore made the adapter and the security group, so that it may change them."""
        return self.group_id is not None and TENANT_TAG in tags_of(self.adapter) and TENANT_TAG in tags_of(self.group)

    @property
    def others_balancer(self) -> bool:
        """Whether the adapter is in a pool of a public balancer that others made: Azure allows one public balancer per availability set."""
        pools = pools_of(self.adapter)
        return self.set_is_behind_another or any(is_public(one) and any(_is_in(pool, one) for pool in pools) for one in self.others)

    @property
    def subnet(self) -> str | None:
        """The id of the adapter's subnet."""
        return resource_id(an_object(_primary_configuration(self.adapter), "subnet"), "id")

    def rules_of_others(self) -> Iterator[tuple[Json, Json]]:
        """Yield the NAT rules of others that lead to the machine, each with its balancer."""
        pools, direct = {one.lower() for one in pools_of(self.adapter)}, {one.lower() for one in _direct_rules(self.adapter)}
        for balancer in self.others:
            for rule in objects(an_object(balancer, "properties"), "inboundNatRules"):
                if (pool_of(rule) or "").lower() in pools or (text(rule, "id") or "").lower() in direct:
                    yield balancer, rule

    def rules_of_machine(self) -> tuple[Json, ...]:
        """Return the NAT rules that lead to the machine."""
        return tuple(rule for rule in self.rules if self.pool is not None and same(pool_of(rule), self.pool))


@dataclass(frozen=True, slots=True)
class PortReader:
    """Reads ports. Failures of Azure are `CallFailure`."""

    gateways: Gateways
    resources: ResourceManagerResources
    machines: MachineReader

    async def ports(self, tenant: Tenant, named: Named) -> list[MachinePort]:
        """Return a machine's ports, by name; refuses with `NotFound`, `AmbiguousName`."""
        gateway = gateway_of(self.gateways, tenant)
        async with reading_azure():
            found = await self.surroundings(await self.machines.facts(gateway, tenant, named))
            return await self._ports(found) if found is not None else []

    async def _ports(self, found: PortSurroundings) -> list[MachinePort]:
        addresses = {id(one): await self.public_ip(BalancerFacts.from_arm(one)) for one, _ in found.rules_of_others()}
        own = found.rules_of_machine()
        public_ip = await self.public_ip(found.balancer) if own else None
        rules = [(rule, public_ip) for rule in own]
        rules += [(rule, addresses[id(balancer)]) for balancer, rule in found.rules_of_others()]
        by_id = sorted(rules, key=lambda one: (text(one[0], "id") or "").lower())  # the same each time, also where they have one name
        ports = [_shown(rule, found, address) for rule, address in by_id]
        return sorted((port for port in ports if port is not None), key=lambda port: port.name)

    async def machine(self, tenant: Tenant, named: Named) -> Machine:
        """Return one machine with its addresses and ports; refuses with `NotFound`, `AmbiguousName`."""
        gateway = gateway_of(self.gateways, tenant)
        async with reading_azure():
            facts = await self.machines.facts(gateway, tenant, named)
            slot = await gateway.slot_of(facts.availability_set) if facts.availability_set is not None else None
            found = await self.surroundings(facts)
            public_ip = await self.public_ip(found.balancer) if found is not None and found.pool is not None else None
            ports = await self._ports(found) if found is not None else []
        shown = await self.machines.shown(tenant, facts, slot)
        if found is None:
            return shown
        private = text(_primary_configuration(found.adapter), "privateIPAddress")
        update = {"private_ip": private, "public_ip": public_ip, "subnet_id": found.subnet, "ports": tuple(ports)}
        return shown.model_copy(update=update)

    async def surroundings(self, machine: MachineFacts) -> PortSurroundings | None:
        """Return what the ports of a machine need; None for a machine without an adapter that can be read."""
        if not machine.adapters:
            return None
        adapter_id = ResourceId.parse(machine.adapters[0])
        adapter = await self.resources.get(adapter_id)
        if adapter is None:
            return None
        group_text = resource_id(an_object(an_object(adapter, "properties"), "networkSecurityGroup"), "id")
        group_id = ResourceId.parse(group_text) if group_text is not None else None
        group = await self.resources.get(group_id) if group_id is not None else None
        owner = machine.availability_set or machine.id
        pools = pools_of(adapter)
        hints = [ResourceId.parse(one).parent for one in pools]
        own = await balancer_of(self.resources, ResourceId.parse(_any_balancer(machine)), owner, hints)
        balancer = BalancerFacts.from_arm(own) if own is not None else None
        pool = next((one for one in pools if balancer is not None and one.lower().startswith(f"{balancer.id.lower()}/")), None)
        rules = tuple(objects(an_object(own or {}, "properties"), "inboundNatRules"))
        others = await self._others(adapter, own)
        behind = await self._is_behind_another(machine) if own is None else False
        return PortSurroundings(machine, adapter_id, adapter, group_id, group or {}, balancer, pool, rules, others, behind)

    async def _is_behind_another(self, machine: MachineFacts) -> bool:
        """Whether another machine of its set is behind a public balancer that others made."""
        if machine.availability_set is None:
            return False
        listed = await self.resources.within(ResourceId.parse(_any_balancer(machine)))
        return await is_behind_another(self.resources, machine.availability_set, listed)

    async def _others(self, adapter: Json, own: Json | None) -> tuple[Json, ...]:
        """Return the balancers of others that an adapter names."""
        named = [one for one in (*pools_of(adapter), *_direct_rules(adapter)) if own is None or not _is_in(one, own)]
        parents = {parent.key: parent for name in named if (parent := ResourceId.parse(name).parent) is not None}
        found = await asyncio.gather(*(self._readable(parent) for parent in parents.values()))
        return tuple(one for one in found if one is not None)

    async def _readable(self, balancer: ResourceId) -> Json | None:
        """Return a balancer; None where it is gone or may not be read."""
        try:
            return await self.resources.get(balancer)
        except CallFailure as failure:
            if failure.kind is not FailureKind.REFUSED:
                raise
            return None

    async def public_ip(self, balancer: BalancerFacts | None) -> str | None:
        """Return the public address of a balancer."""
        if balancer is None or balancer.address is None:
            return None
        body = await self.resources.get(ResourceId.parse(balancer.address))
        return text(an_object(body or {}, "properties"), "ipAddress")


def pools_of(adapter: Json) -> tuple[str, ...]:
    """Return the pools that an adapter is in."""
    return tuple(pool for one in objects(an_object(adapter, "properties"), "ipConfigurations") for pool in _pools_in(one))


def _direct_rules(adapter: Json) -> tuple[str, ...]:
    """Return the NAT rules of version 1 that an adapter names."""
    found = objects(_primary_configuration(adapter), "loadBalancerInboundNatRules")
    return tuple(rule for one in found if (rule := text(one, "id")) is not None)


def _primary_configuration(adapter: Json) -> Json:
    return an_object(_primary(objects(an_object(adapter, "properties"), "ipConfigurations")), "properties")


def _is_in(child: str, balancer: Json) -> bool:
    return child.lower().startswith(f"{own_id(balancer).lower()}/")


def pool_of(rule: Json) -> str | None:
    """Return the pool that a NAT rule leads to."""
    return text(an_object(an_object(rule, "properties"), "backendAddressPool"), "id")


def with_pools(adapter: Json, pools: tuple[str, ...]) -> dict[str, Any]:
    """Return an adapter's document as its PUT takes it, in these pools: each configuration in those that it is in, the primary in the rest.

    A PUT removes what it leaves out: everything else stays as Azure shows it. Raises `CallFailure` where Azure shows no configuration.
    """
    properties = an_object(adapter, "properties")
    configurations, wanted = objects(properties, "ipConfigurations"), {one.lower() for one in pools}
    if not configurations:
        raise in_doubt("NotRead", f"Azure shows no configuration of {own_id(adapter)}. The read is retried.")
    stays = [[pool for pool in _pools_in(one) if pool.lower() in wanted] for one in configurations]
    known = {pool.lower() for one in stays for pool in one}
    primary = _primary(configurations)
    new = [pool for pool in pools if pool.lower() not in known]
    changed = [_in_pools(one, [*kept, *new] if one is primary else kept) for one, kept in zip(configurations, stays, strict=True)]
    kept_members = {name: value for name, value in properties.items() if name.lower() not in _SHOWN_ONLY}
    body = {name: adapter[name] for name in ("extendedLocation",) if adapter.get(name) is not None}
    return body | {
        "location": text(adapter, "location"), "tags": dict(tags_of(adapter)), "properties": kept_members | {"ipConfigurations": changed},
    }  # fmt: skip


def _in_pools(configuration: Json, pools: list[str]) -> dict[str, Any]:
    properties = an_object(configuration, "properties")
    kept = {name: value for name, value in properties.items() if name.lower() not in {"provisioningstate", _POOLS.lower()}}
    return {"name": text(configuration, "name") or "primary", "properties": kept | {_POOLS: [{"id": one} for one in pools]}}


def _pools_in(configuration: Json) -> list[str]:
    found = objects(an_object(configuration, "properties"), _POOLS)
    return [pool for one in found if (pool := text(one, "id")) is not None]


def _primary(configurations: Sequence[Json]) -> Json:
    """Return the primary one of an adapter's configurations: the first where none is marked, an empty object where there is none."""
    marked = (one for one in configurations if flag(an_object(one, "properties"), "primary"))
    return next(marked, next(iter(configurations), {}))


def _any_balancer(machine: MachineFacts) -> str:
    found = machine.resource
    return f"/subscriptions/{found.subscription_id}/resourceGroups/{found.resource_group}/providers/Microsoft.Network/loadBalancers/any"


def _shown(rule: Json, found: PortSurroundings, public_ip: str | None) -> MachinePort | None:
    properties, name = an_object(rule, "properties"), text(rule, "name") or ""
    public, local = whole(properties, "frontendPortRangeStart", "frontendPort"), whole(properties, "backendPort")
    protocol = (text(properties, "protocol") or "").lower()
    if public is None or local is None or protocol not in set(Protocol):
        return None
    matching = security_rule_named(found.group, name)
    allowed = an_object(matching or {}, "properties")
    sources = texts(allowed, "sourceAddressPrefixes") or tuple(one for one in (text(allowed, "sourceAddressPrefix"),) if one is not None)
    shown = name.rpartition("-")[0] if matching is not None else name
    return MachinePort(
        name=shown or name,
        protocol=Protocol(protocol),
        port=public,
        local_port=local,
        allowed_sources=tuple(sources),
        public_ip=public_ip,
        is_ours=matching is not None,
    )


def security_rule_named(group: Json, name: str) -> Mapping[str, object] | None:
    """Return the rule of a security group that has a NAT rule's name."""
    rules = objects(an_object(group, "properties"), "securityRules")
    return next((one for one in rules if same_text(last_segment(text(one, "name")), name)), None)


def free_priority(group: Json) -> int:
    """Return the lowest priority of inbound rules that is free; Azure takes 100 to 4096."""
    rules = objects(an_object(group, "properties"), "securityRules")
    taken = {whole(an_object(one, "properties"), "priority") for one in rules}
    return next(priority for priority in range(100, 4097) if priority not in taken)
