"""Protection policies over HTTP: new machines of a cloud are protected by policy; and what a policy would do now."""

from functions.failovers.vaults import VAULT, name_of, page_of, vault_of
from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.protection.models import ProtectionPlan, ProtectionPolicyBody, ProtectionPolicyRequest
from shared.failovers.vault.listing import Entry
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

LIST = Route(
    "GET", "/protection-policies", "The protection policies of a vault, by name", Role.FAILOVERS_READ,
    owner=Owner.VAULT, response=ProtectionPolicyBody, is_list=True, query=(VAULT,), refusals=(404,),
)  # fmt: skip
GET = Route(
    "GET",
    "/protection-policies/{name}",
    "One protection policy",
    Role.FAILOVERS_READ,
    owner=Owner.VAULT,
    response=ProtectionPolicyBody,
    query=(VAULT,),
)
PLAN = Route(
    "GET", "/protection-policies/{name}/plan", "What a policy would do now, machine by machine; nothing is done", Role.FAILOVERS_READ,
    owner=Owner.VAULT, response=ProtectionPlan, query=(VAULT,), refusals=(409,),
)  # fmt: skip
PUT = Route(
    "PUT", "/protection-policies/{name}", "Make or change a protection policy", Role.FAILOVERS_EXECUTE,
    owner=Owner.VAULT, request=ProtectionPolicyRequest, response=ProtectionPolicyBody, query=(VAULT,), refusals=(409,),
)  # fmt: skip
DELETE = Route(
    "DELETE",
    "/protection-policies/{name}",
    "Protect no more machines by a policy",
    Role.FAILOVERS_EXECUTE,
    owner=Owner.VAULT,
    query=(VAULT,),
    status=204,
)


@serve(LIST)
async def list_protection_policies(call: Call[None]) -> HttpAnswer:
    """List the protection policies of a vault, by name."""
    from shared.failovers.protection.service import Protection

    policies = await call.of(Protection).all(await vault_of(call))
    return page_of(call, [Entry(one.name.lower(), one.name, one.tenant, one.as_json()) for one in policies])


@serve(GET)
async def get_protection_policy(call: Call[None]) -> HttpAnswer:
    """Return one protection policy, with what it could not protect yet."""
    from shared.failovers.protection.service import Protection

    return call.ok((await call.of(Protection).get(await vault_of(call), call.path["name"])).as_json())


@serve(PLAN)
async def plan_protection_policy(call: Call[None]) -> HttpAnswer:
    """Return what a policy would do now."""
    from shared.failovers.protection.service import Protection

    return call.ok((await call.of(Protection).plan(await vault_of(call), call.path["name"])).as_json())


@serve(PUT)
async def put_protection_policy(call: Call[ProtectionPolicyRequest]) -> HttpAnswer:
    """Create or change a protection policy."""
    from shared.failovers.protection.service import Protection

    return call.ok((await call.of(Protection).put(await vault_of(call), name_of(call), call.body)).as_json())


@serve(DELETE)
async def delete_protection_policy(call: Call[None]) -> HttpAnswer:
    """Delete a protection policy; machines that it has protected stay protected."""
    from shared.failovers.protection.service import Protection

    await call.of(Protection).delete(await vault_of(call), call.path["name"])
    return HttpAnswer(204)
