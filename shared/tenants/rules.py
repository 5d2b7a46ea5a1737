"""Rules of a tenant's and a hosting plan's document that need more than one field, the plan, or the provider; no I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from shared.access.records.claims import key_vault_claim
from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Backend, Shape, Tenant, TenantKind
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import ResourceId, subscription_of
from shared.errors import ErrorCode, Problem
from shared.tenants.requests import HostingPlanRequest, TenantRequest
from shared.values.reading import same_text

_LOOPBACK = "http://127.0.0.1:"


@dataclass(frozen=True, slots=True)
class TenantContext:
    """What a tenant's document is checked against.

    `plan` is the plan that it names, None where there is none of that name; `vault_owner` the kind of the other tenant that owns the
    subscription of its vault, None where there is none. `key_vaults` is the setting FARSHORE_KEY_VAULT_SUFFIX, `own_key_vault` the URL of
    the app's own key vault (None: it has none), `provider_entra` the Entra tenant of callers that name none.
    """

    plan: HostingPlan | None
    vault_owner: TenantKind | None
    key_vaults: str
    own_key_vault: str | None = None
    provider_entra: str | None = None


def tenant_from(request: TenantRequest, name: str, provider_entra: str | None, standing: Tenant | None) -> Tenant:
    """Return the document of a request; members of a newer version that the standing one has are kept.

    `provider_entra` is the Entra tenant of callers that name none.
    """
    body = request.model_dump(mode="json", by_alias=True, exclude={"quotas"})
    body["name"] = name
    body["quotas"] = request.quotas.model_dump(mode="json", by_alias=True, exclude_unset=True)
    body["callers"] = [
        {key: value for key, value in {**caller, "tenantId": caller["tenantId"] or provider_entra}.items() if value is not None}
        for caller in body["callers"]
    ]
    return Tenant.model_validate(_with_newer_members(body, standing) if standing is not None else body)


def plan_from(request: HostingPlanRequest, name: str, standing: HostingPlan | None) -> HostingPlan:
    """Return the document of a request; members of a newer version that the standing one has are kept."""
    body = request.model_dump(mode="json", by_alias=True, exclude={"quotas"})
    body["name"] = name
    body["quotas"] = request.quotas.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return HostingPlan.model_validate(_with_newer_members(body, standing) if standing is not None else body)


def _with_newer_members(body: Mapping[str, Any], standing: BaseModel) -> dict[str, Any]:
    """Return a document with the members of a newer version that the standing one has, those of its objects too."""
    kept = {**(standing.model_extra or {}), **body}
    for name, field in type(standing).model_fields.items():
        key, part = field.alias or name, getattr(standing, name)
        if isinstance(part, BaseModel) and isinstance(kept.get(key), dict):
            kept[key] = _with_newer_members(kept[key], part)
    return kept


def check_tenant(request: TenantRequest, context: TenantContext) -> tuple[Problem, ...]:
    """Return what is wrong with a tenant's document, a problem for each field."""
    return tuple(
        Problem(ErrorCode.INVALID_REQUEST, message, target)
        for target, message in (
            *_provider(request), *_plan(request, context.plan), *_vault(request, context), *_inside(request), *_networks(request),
            *_key_vault(request, context), *_callers(request, context.provider_entra),
        )
    )  # fmt: skip


def check_plan(request: HostingPlanRequest) -> tuple[Problem, ...]:
    """Return what is wrong with a hosting plan's document, a problem for each field."""
    named = (("sizes", [size.name for size in request.sizes]), ("images", [image.name for image in request.images]))
    return tuple(
        Problem(ErrorCode.INVALID_REQUEST, f"'{name}' is given twice, without regard to case.", f"{field}[{number}].name")
        for field, names in named
        for number, name in _repeated(names)
    )


def clouds_left_out(plan: HostingPlan, tenant: Tenant) -> tuple[str, ...]:
    """Return the clouds of a tenant that a plan does not offer; a plan without clouds offers any."""
    offered = {cloud_key(cloud) for cloud in plan.clouds}
    return tuple(cloud for cloud in tenant.clouds if offered and cloud_key(cloud) not in offered)


def _provider(request: TenantRequest) -> Iterator[tuple[str, str]]:
    if request.kind is not TenantKind.PROVIDER:
        return
    for field, given in (("plan", request.plan), ("shape", request.shape), ("quotas", request.quotas.model_fields_set or None)):
        if given is not None:
            yield field, "The provider has none. Leave it out."


def check_plan_of(request: TenantRequest, plan: HostingPlan | None) -> tuple[Problem, ...]:
    """Return in what a tenant's document does not fit its plan, None where there is none of that name."""
    return tuple(Problem(ErrorCode.INVALID_REQUEST, message, target) for target, message in _plan(request, plan))


def _plan(request: TenantRequest, plan: HostingPlan | None) -> Iterator[tuple[str, str]]:
    if request.plan is None or request.kind is TenantKind.PROVIDER:
        return
    if plan is None:
        yield "plan", f"There is no hosting plan '{request.plan}'."
        return
    if plan.backend is not request.backend:
        yield "plan", f"The hosting plan '{plan.name}' is of the backend {plan.backend}, the tenant of {request.backend}."
    offered = {cloud_key(cloud) for cloud in plan.clouds}
    for number, cloud in enumerate(request.clouds):
        if offered and cloud_key(cloud) not in offered:
            yield f"clouds[{number}]", f"The hosting plan '{plan.name}' does not offer this cloud."


def _vault(request: TenantRequest, context: TenantContext) -> Iterator[tuple[str, str]]:
    if request.vault_id is not None:
        if request.shape is Shape.SHARED:
            yield "vaultId", "A tenant of the shape 'shared' has its cloud in another's vault. Leave vaultId out."
        if context.vault_owner is TenantKind.TENANT and subscription_of(request.vault_id) not in request.subscriptions:
            yield "vaultId", "This vault lies in a subscription of another tenant."
    own = vault_key(request.vault_id)
    for number, cloud in enumerate(request.clouds):
        if own is not None and vault_key(cloud) == own:
            yield f"clouds[{number}]", "This cloud lies in the tenant's own vault, all of which is the tenant's. Leave it out."


def _inside(request: TenantRequest) -> Iterator[tuple[str, str]]:
    for number, account in enumerate(request.storage_accounts):
        if subscription_of(account) not in request.subscriptions:
            yield f"storageAccounts[{number}]", "This storage account lies outside of the tenant's subscriptions."
    for number, network in enumerate(request.networks):
        if subscription_of(network.subnet_id) not in request.subscriptions:
            yield f"networks[{number}].subnetId", "This subnet lies outside of the tenant's subscriptions."


def _networks(request: TenantRequest) -> Iterator[tuple[str, str]]:
    places = [(network.region, subscription_of(network.subnet_id)) for network in request.networks]
    for number, place in enumerate(places):
        if place in places[:number]:
            yield f"networks[{number}]", "There is another network of this region and subscription. Give one for each."


def _key_vault(request: TenantRequest, context: TenantContext) -> Iterator[tuple[str, str]]:
    url = request.key_vault_url
    if url is not None and not is_key_vault(url, context.key_vaults):
        yield "keyVaultUrl", f"This must be the URL of a key vault, such as https://a-vault.{_suffix(context.key_vaults)}."
    elif url is not None and context.own_key_vault and key_vault_claim(url) == key_vault_claim(context.own_key_vault):
        yield "keyVaultUrl", "This is the key vault in which Farshore stores the secrets of requests. Name one of the tenant's own."


def _callers(request: TenantRequest, provider_entra: str | None) -> Iterator[tuple[str, str]]:
    named = [(caller.tenant_id or provider_entra, caller.app_id, caller.group_id) for caller in request.callers]
    for number, caller in enumerate(named):
        if caller[0] is None:
            yield f"callers[{number}].tenantId", "The provider has no Entra tenant. Name the one that this app or group is of."
        elif caller in named[:number]:
            yield f"callers[{number}]", "This caller is given twice. Give each once."


def is_key_vault(url: str, suffix: str) -> bool:
    """Return whether a URL is that of a key vault: `https://{name}.{suffix}`, or below the whole beginning of an emulator's URLs."""
    if suffix.startswith(_LOOPBACK):
        name = url.rstrip("/").removeprefix(suffix)
        return url.startswith(suffix) and _is_vault_name(name)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    name = host.removesuffix(f".{suffix.lower()}")
    plain = parts.scheme == "https" and port is None and not parts.username and parts.path in {"", "/"} and not parts.query
    return plain and not parts.fragment and name != host and _is_vault_name(name) and same_text(parts.netloc, host)


def _is_vault_name(name: str) -> bool:
    return 3 <= len(name) <= 24 and name.isascii() and name.replace("-", "").isalnum() and name[:1].isalpha()


def _suffix(suffix: str) -> str:
    return "vault.azure.net" if suffix.startswith(_LOOPBACK) else suffix


def _repeated(names: Sequence[str]) -> Iterable[tuple[int, str]]:
    lowered = [name.lower() for name in names]
    return [(number, names[number]) for number, name in enumerate(lowered) if name in lowered[:number]]


def taken_away(standing: Tenant, wanted: Tenant) -> tuple[str, ...]:
    """Return the fields of which a tenant loses a resource, or changes what its operations rely on."""
    lost = []
    if set(standing.subscriptions) - set(wanted.subscriptions):
        lost.append("subscriptions")
    if standing.vault_id is not None and vault_key(standing.vault_id) != vault_key(wanted.vault_id):
        lost.append("vaultId")
    if {cloud_key(cloud) for cloud in standing.clouds} - {cloud_key(cloud) for cloud in wanted.clouds}:
        lost.append("clouds")
    if _keys(standing.storage_accounts) - _keys(wanted.storage_accounts):
        lost.append("storageAccounts")
    if Backend(standing.backend) is not Backend(wanted.backend):
        lost.append("backend")
    return tuple(lost)


def _keys(ids: Iterable[str]) -> set[str]:
    return {ResourceId.parse(id_).key for id_ in ids}
