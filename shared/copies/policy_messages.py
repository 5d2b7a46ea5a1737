"""Messages of other systems about copy policies, as CloudEvents: what carries out each operation (docs/design/queues.md).

`create` has the document with its `name`; `update`, `delete` and `run` have the name in `target`. `update` and `delete` need `ifMatch`. A
message that is delivered again finds what it has written, and changes nothing.
"""

from shared.access.ownership import owner_of
from shared.access.roles import Role
from shared.access.sender import message_owner
from shared.capability import Message, MessageCall
from shared.copies.kinds import RUN
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.management.ownership import named_ids
from shared.copies.policies.management.service import Policies
from shared.copies.policies.runs.request import RunRequest
from shared.copies.policies.runs.service import Runs, StartRun
from shared.values.sent import SentBody
from shared.web.conditional import Condition, condition_of
from shared.web.documents import parse, wrong

_NAME, _IF_MATCH = "name", "ifMatch"


async def _create(call: MessageCall) -> None:
    """Create a policy; one of the name that is there and equal stays."""
    name = call.intake.body.get(_NAME)
    if not isinstance(name, str):
        raise wrong(_NAME, "This field is required: the name of the new policy.")
    sent = SentBody(call.intake.body).without(_NAME)
    await call.app.of(Policies).put(await _tenant(call, sent), name, sent, Condition(), call.actor)


async def _update(call: MessageCall) -> None:
    """Replace a policy."""
    sent = SentBody(call.intake.body).without(_IF_MATCH)
    tenant = await _tenant(call, sent)
    policies, name = call.app.of(Policies), call.intake.target or ""
    if not await policies.is_written(tenant, name, sent):
        await policies.put(tenant, name, sent, _condition(call), call.actor)


async def _delete(call: MessageCall) -> None:
    """Delete a policy; nothing in Azure is deleted."""
    for member in SentBody(call.intake.body).without(_IF_MATCH).members:
        raise wrong(member, f"This field is unknown. The known fields are {_IF_MATCH}.")
    tenant = await message_owner(call.app.registry, (), call.intake.tenant)
    await call.app.of(Policies).delete(tenant, call.intake.target or "", _condition(call), call.actor)


async def _run(call: MessageCall) -> None:
    """Run a policy now."""
    intake = call.intake
    request, tenant = parse(RunRequest, intake.body), await message_owner(call.app.registry, (), intake.tenant)
    policy = await call.app.of(Policies).find(tenant, intake.target or "")
    await call.app.of(Runs).start(StartRun(policy, request, SentBody(intake.body), call.actor, intake.key, intake.trace))


def _condition(call: MessageCall) -> Condition:
    given = call.intake.body.get(_IF_MATCH)
    if not isinstance(given, str):
        raise wrong(_IF_MATCH, "This field is required: the ETag of the policy, or *.")
    return condition_of(given)


async def _tenant(call: MessageCall, sent: SentBody) -> str:
    """Return the tenant of a document: the one that the message names, else the owner of the first thing that the document names."""
    registry, named = call.app.registry, call.intake.tenant
    first = None if named is not None else next(named_ids(parse(PolicyDocument, dict(sent.members))), None)
    owner = await owner_of(registry, first[2]) if first is not None else None
    return owner or await message_owner(registry, (), named)


POLICY_MESSAGES = {
    (RUN.name, operation): Message(Role.COPIES_WRITE, handler)
    for operation, handler in (("create", _create), ("update", _update), ("delete", _delete), ("run", _run))
}
