"""Whether a size can be used where a machine is restored, and whether Azure's quotas of cores suffice."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from shared.values.reading import Json, an_object, objects, same_text, text, texts, whole

CORES = "cores"


def size_problem(size: str, zone: str | None, skus: Sequence[Json]) -> Iterator[tuple[str, str]]:
    """Yield what hinders a size: `size` or `zone`, and a message. Nothing is known where Azure lists no sizes."""
    sizes = _machines(skus)
    if not sizes:
        return
    sku = sizes.get(size.lower())
    if sku is None or _is_restricted(sku):
        yield "size", f"The size {size} cannot be used in this region. Name another size."
        return
    zones = {name for where in objects(sku, "locationInfo") for name in texts(where, "zones") or ()}
    if zone is not None and zone not in zones - _closed_zones(sku):
        yield "zone", f"The size {size} cannot be used in zone {zone}. Name another zone or size."


def cores_needed(sizes: Sequence[str], skus: Sequence[Json]) -> dict[str, int]:
    """Return how many cores machines of these sizes need: in all (`cores`), and by family; an unknown size needs none."""
    known, needed = _machines(skus), Counter[str]()
    for size in sizes:
        sku = known.get(size.lower())
        if sku is None:
            continue
        cores = next((text(one, "value") for one in objects(sku, "capabilities") if same_text(text(one, "name"), "vCPUs")), None)
        count = int(cores) if cores is not None and cores.isdecimal() else 0
        needed[CORES] += count
        if (family := text(sku, "family")) is not None:
            needed[family] += count
    return dict(needed)


def quota_problems(needed: Mapping[str, int], usages: Sequence[Json]) -> Iterator[str]:
    """Yield a message for each of Azure's quotas that does not suffice."""
    for usage in usages:
        name = text(an_object(usage, "name"), "value") or ""
        more = next((count for family, count in needed.items() if same_text(family, name)), 0)
        limit, current = whole(usage, "limit"), whole(usage, "currentValue")
        if more and limit is not None and current is not None and current + more > limit:
            yield f"Azure's quota {name} is {limit}, {current} are used, and {more} more are needed. Ask Azure for more, or restore less."


def _machines(skus: Sequence[Json]) -> dict[str, Json]:
    return {(text(sku, "name") or "").lower(): sku for sku in skus if same_text(text(sku, "resourceType"), "virtualMachines")}


def _is_restricted(sku: Json) -> bool:
    return any(same_text(text(one, "type"), "Location") for one in objects(sku, "restrictions"))


def _closed_zones(sku: Json) -> set[str]:
    closed = [one for one in objects(sku, "restrictions") if same_text(text(one, "type"), "Zone")]
    return {name for one in closed for name in texts(an_object(one, "restrictionInfo"), "zones") or ()}
