"""The quota of a subscription: what its plan and its add-ons give together, per dimension."""

from xml.etree import ElementTree

from local.simulation.arm.tables import Json
from local.simulation.azure_pack.state import AzurePackState

DIMENSIONS = ("VMCount", "CPUCount", "MemoryMB", "StorageGB")
Limits = dict[str, int | None]
"""A limit per dimension; None is unlimited."""


def clouds_xml(cloud: str, stamp: str, limits: Limits) -> str:
    """Return the setting `Clouds` of a quota of one cloud, as the portal writes it; a limit that is None is an empty element."""
    root = ElementTree.Element("Clouds")
    quota = ElementTree.SubElement(ElementTree.SubElement(root, "Cloud", Id=cloud, StampId=stamp), "Quota")
    for prefix in ("Role", "Member"):
        for dimension in DIMENSIONS:
            value = limits.get(dimension)
            ElementTree.SubElement(quota, f"{prefix}{dimension}").text = None if value is None else str(value)
    return ElementTree.tostring(root, encoding="unicode")


def read_clouds(text: str) -> dict[str, Limits]:
    """Read the setting `Clouds`: limits by cloud id, lower case; raises `ValueError`."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # the simulation's own text, or a test's
    except ElementTree.ParseError:
        raise ValueError("Clouds is not XML") from None
    found: dict[str, Limits] = {}
    for cloud in root.iter("Cloud"):
        found[str(cloud.get("Id", "")).lower()] = {
            dimension: int(value) if (value := (cloud.findtext(f"Quota/Role{dimension}") or "").strip()) else None
            for dimension in DIMENSIONS
        }
    return found


def clouds_of(offer: Json) -> dict[str, Limits]:
    """Return the clouds of a plan or an add-on, and what it gives there; none without a systemcenter quota."""
    for quota in offer.get("ServiceQuotas") or []:
        if quota.get("ServiceName") != "systemcenter":
            continue
        for setting in quota.get("Settings") or []:
            if setting.get("Key") == "Clouds" and setting.get("Value"):
                return read_clouds(str(setting["Value"]))
    return {}


def cloud_of(state: AzurePackState, subscription: Json) -> str | None:
    """Return the id of the cloud of a subscription's plan, lower case."""
    plan = state.plans.get(str(subscription.get("PlanId", "")).lower())
    return None if plan is None else next(iter(clouds_of(plan)), None)


def limits_of(state: AzurePackState, subscription: Json) -> Limits:
    """Return what a subscription's plan and add-ons give together in the plan's cloud: limits add up, unlimited stays so."""
    plan = state.plans.get(str(subscription.get("PlanId", "")).lower())
    clouds = clouds_of(plan) if plan is not None else {}
    if not clouds:
        return dict.fromkeys(DIMENSIONS, 0)
    cloud, limits = next(iter(clouds.items()))
    for reference in subscription.get("AddOnReferences") or []:
        add_on = state.add_ons.get(str(reference.get("AddOnId", "")).lower())
        extra = clouds_of(add_on).get(cloud) if add_on is not None else None
        if extra is not None:
            limits = {name: _sum(limits[name], extra[name]) for name in DIMENSIONS}
    return limits


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
