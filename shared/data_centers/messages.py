"""Messages of billing systems about data centers (docs/design/data-centers.md, "Messages on tenant-requests").

Queues keep no order: a `target` that is not known yet, and a message that is to come `after` one that was not accepted yet, may pass, and
are delivered again.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel

from shared.access.principal import not_found
from shared.access.roles import Role
from shared.capability import Message, MessageCall
from shared.data_centers.kinds import DATA_CENTER, Action
from shared.data_centers.requests import ChangeRequest, DeleteRequest, OrderRequest, ResumeRequest, SuspendRequest
from shared.data_centers.service import DataCenters, Requested
from shared.errors import ErrorCode, Refused
from shared.installations.subscriptions.importing import Imports
from shared.installations.subscriptions.requests import ImportRequest
from shared.operations.model.identity import operation_id
from shared.operations.model.models import JsonObject
from shared.operations.outside.intake import Intake
from shared.secrets.requests import refuse_plain, separate
from shared.values.sent import SentBody
from shared.web.documents import parse, wrong

_AFTER: Final = "after"


async def _create(call: MessageCall) -> None:
    """Order a data center."""
    intake = call.intake
    body = await _in_order(call)
    data_center = body.pop(DATA_CENTER.name, None)
    if not isinstance(data_center, str):
        raise wrong(DATA_CENTER.name, "This is required: the order number of the data center.")
    request = parse(OrderRequest, body)
    refuse_plain(separate(request, SentBody(body)))
    await call.app.of(DataCenters).order(_asked(call, intake, data_center, body), request)


async def _import(call: MessageCall) -> None:
    """Import the subscriptions of a publishsettings file, which comes by reference only."""
    tenant = await call.app.registry.by_name(call.intake.tenant or "")
    if tenant is None:
        raise not_found(f"tenant '{call.intake.tenant}'", target="tenant")
    request = parse(ImportRequest, call.intake.body)
    if request.publish_settings.value is not None:
        message = "A message may not carry a secret. Send a reference instead: keyVaultSecretId."
        raise Refused(ErrorCode.SECRET_IN_MESSAGE, message, target="publishSettings.value")
    await call.app.of(Imports).run(tenant, request, of_provider=True)


def _acting(action: Action, model: type[BaseModel]) -> Callable[[MessageCall], Awaitable[None]]:
    async def handle(call: MessageCall) -> None:
        body = await _in_order(call)
        request, target = parse(model, body), call.intake.target or ""
        try:
            await call.app.of(DataCenters).act(_asked(call, call.intake, target, body), action, request)
        except Refused as refused:
            if refused.code is not ErrorCode.NOT_FOUND:
                raise
            raise _not_yet(f"Data center '{target}' was not found.", "target") from None

    return handle


async def _in_order(call: MessageCall) -> JsonObject:
    """Return a message's body without `after`, once the message that it names has been accepted."""
    body = dict(call.intake.body)
    after = body.pop(_AFTER, None)
    if after is None:
        return body
    if not isinstance(after, str) or not after:
        raise wrong(_AFTER, "This must be the id of an earlier message about the same data center.")
    for key in _keys(call.intake, after):
        found = await call.app.store.get(operation_id(call.intake.tenant or "", DATA_CENTER.name, key))
        if found is not None:
            return body
    raise _not_yet(f"The message '{after}', which this one is to come after, was not found.", _AFTER)


def _keys(intake: Intake, after: str) -> tuple[str, ...]:
    """Return the keys under which the message that `after` names can have been accepted."""
    return (after, f"{intake.source} {after}") if intake.source else (after,)


def _not_yet(message: str, target: str) -> Refused:
    return Refused(ErrorCode.NOT_FOUND, message, target=target, may_pass=True)


def _asked(call: MessageCall, intake: Intake, data_center: str, body: JsonObject) -> Requested:
    return Requested(intake.tenant or "", data_center, SentBody(body), call.actor, intake.key, intake.trace)


_REQUESTS: Final[tuple[tuple[Action, type[BaseModel]], ...]] = (
    (Action.CHANGE, ChangeRequest), (Action.SUSPEND, SuspendRequest), (Action.RESUME, ResumeRequest), (Action.DELETE, DeleteRequest),
)  # fmt: skip
MESSAGES: Final = {
    ("azurePackSubscription", "import"): Message(Role.TENANTS_WRITE, _import, creates=True),
    (DATA_CENTER.name, str(Action.CREATE)): Message(Role.TENANTS_WRITE, _create, creates=True),
    **{(DATA_CENTER.name, str(action)): Message(Role.TENANTS_WRITE, _acting(action, model)) for action, model in _REQUESTS},
}
