"""Whether a plan of Azure Pack can carry what is ordered by its size. Pure."""

from dataclasses import dataclass
from uuid import UUID

from shared.azure_pack.errors import AzurePackError
from shared.azure_pack.quotas import ACTIONS, CLOUDS, SERVICE, CloudQuota, NetworkQuota
from shared.azure_pack.subscriptions import ConfigState, OfferState, Plan
from shared.installations.resources import CLOUD_RESOURCES, NETWORK_RESOURCES, Limits, Resource


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What an order needs to know of a plan. `cloud` and `stamp` are None where it names no cloud, or more than one.

    `reasons` are why it is not suitable for any order.
    """

    id: str
    display_name: str
    state: str
    most_subscriptions: int
    instance: str | None
    cloud: UUID | None
    stamp: UUID | None
    limits: Limits
    add_ons: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def suitable(self) -> bool:
        """Whether an order can use it at all."""
        return not self.shown_reasons

    @property
    def shown_reasons(self) -> tuple[str, ...]:
        """Why no order can use it; an order has a reason of its own for each resource without a limit."""
        if self.reasons or any(limit is not None for limit in self.limits.values()):
            return self.reasons
        return ("The plan has no limits: no add-on can limit a customer of it.",)


def facts_of(plan: Plan) -> PlanFacts:
    """Read a plan."""
    quota = next((one for one in plan.service_quotas if one.service_name.lower() == SERVICE), None)
    reasons: list[str] = []
    if plan.config_state is not ConfigState.CONFIGURED:
        reasons.append("The plan is not configured.")
    if plan.state is OfferState.DECOMMISSIONED:
        reasons.append("The plan is decommissioned.")
    clouds: tuple[CloudQuota, ...] = ()
    networks: tuple[NetworkQuota, ...] = ()
    if quota is None:
        reasons.append(f"The plan does not have the service {SERVICE}.")
    else:
        try:
            clouds = CloudQuota.parse(quota.setting(CLOUDS) or "<Clouds/>")
            networks = NetworkQuota.parse(quota.setting(ACTIONS) or "<Actions/>")
        except AzurePackError as error:
            reasons.append(error.message)
        if len(clouds) != 1:
            reasons.append(f"The plan's quota names {len(clouds)} clouds. It must name exactly one.")
    cloud = clouds[0] if len(clouds) == 1 else None
    return PlanFacts(
        id=plan.id,
        display_name=plan.display_name or plan.id,
        state=str(plan.state),
        most_subscriptions=plan.max_subscriptions_per_account,
        instance=quota.service_instance_id if quota is not None else None,
        cloud=cloud.cloud if cloud else None,
        stamp=cloud.stamp if cloud else None,
        limits=cloud_limits(cloud) | network_limits(networks[0] if networks else None),
        add_ons=tuple(one.add_on_id for one in plan.add_on_references if one.add_on_id),
        reasons=tuple(reasons),
    )


def cloud_limits(quota: CloudQuota | None) -> dict[Resource, int | None]:
    """Return the limits of a cloud, unlimited where there is no quota."""
    if quota is None:
        return dict.fromkeys(CLOUD_RESOURCES)
    return dict(zip(CLOUD_RESOURCES, (quota.vm_count, quota.cpu_count, quota.memory_mb, quota.storage_gb), strict=True))


def network_limits(quota: NetworkQuota | None) -> dict[Resource, int | None]:
    """Return the limits of virtual networks, unlimited where there is no quota."""
    if quota is None:
        return dict.fromkeys(NETWORK_RESOURCES)
    values = (quota.networks, quota.bandwidth_in_mbps, quota.bandwidth_out_mbps, quota.vpn_connections, quota.nat_connections)
    return dict(zip(NETWORK_RESOURCES, values, strict=True))
