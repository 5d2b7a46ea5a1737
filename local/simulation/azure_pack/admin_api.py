"""The administrator's API: users, plans, add-ons, and the life of a subscription."""

import re
from datetime import timedelta

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack.quotas import clouds_of
from local.simulation.azure_pack.request import Listener, PackAnswer, PackCall, Refusal
from local.simulation.azure_pack.routes import Route
from local.simulation.azure_pack.service_api import listed, subscription_of
from local.simulation.azure_pack.settling import SYNC_FAULTS, syncing
from local.simulation.azure_pack.state import shown
from local.simulation.times import to_text

ADMIN = frozenset({Listener.ADMIN})
DELETION_FAULTS = frozenset({"stuckDeletion"})
ACTIVE, SUSPENDED, DELETE_PENDING = 1, 2, 3
CONFIGURED, NOT_CONFIGURED = 1, 0
_STATES = {"Active": ACTIVE, "Suspended": SUSPENDED, "1": ACTIVE, "2": SUSPENDED}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


# users


def _users(call: PackCall) -> PackAnswer:
    return listed(call, call.state.users.values())


def _user(call: PackCall) -> Json:
    row = call.state.users.get(call.names["user"].lower())
    if row is None:
        raise Refusal(404, "UserNotFound", f"The user {call.names['user']} was not found.")
    return row


def _get_user(call: PackCall) -> PackAnswer:
    return PackAnswer(body=shown(_user(call)))


def _create_user(call: PackCall) -> PackAnswer:
    name = str(call.body.get("Name") or "")
    if not name:
        raise Refusal(400, "BadRequest", "Name is missing.")
    if call.state.users.get(name.lower()) is not None:
        raise Refusal(409, "UserAlreadyExists", f"The user {name} exists already.")
    row = {
        "Name": name,
        "Email": call.body.get("Email") or name,
        "State": int(call.body.get("State", ACTIVE)),
        "CreatedDate": to_text(call.now),
        "SubscriptionCount": 0,
        "ActivationSyncState": 0,
        "LastErrorMessage": None,
    }
    return PackAnswer(201, row, changes=(call.state.put("users", row),))


def _update_user(call: PackCall) -> PackAnswer:
    row = _user(call) | {name: call.body[name] for name in ("Email", "State") if name in call.body}
    return PackAnswer(200, shown(row), changes=(call.state.put("users", row),))


def _delete_user(call: PackCall) -> PackAnswer:
    row = _user(call)
    owned = [each for each in call.state.subscriptions.values() if each["AccountAdminLiveEmailId"].lower() == row["Name"].lower()]
    if owned and not (call.flag("deleteSubscriptions") or call.flag("force")):
        raise Refusal(409, "UserHasSubscriptions", f"The user {row['Name']} has {len(owned)} subscriptions.")
    changes = [_deletion(call, each, force=call.flag("force")) for each in owned]
    return PackAnswer(202, changes=(*changes, call.state.remove("users", row)))


# plans and add-ons


def _plans(call: PackCall) -> PackAnswer:
    return listed(call, call.state.plans.values())


def _plan(call: PackCall) -> Json:
    row = call.state.plans.get(call.names["plan"].lower())
    if row is None:
        raise Refusal(404, "PlanNotFound", f"The plan {call.names['plan']} was not found.")
    return row


def _get_plan(call: PackCall) -> PackAnswer:
    return PackAnswer(body=shown(_plan(call)))


def _link(call: PackCall) -> PackAnswer:
    plan, id_ = _plan(call), str(call.body.get("AddOnId", ""))
    add_on = call.state.add_ons.get(id_.lower())
    if add_on is None:
        raise Refusal(404, "AddOnNotFound", f"The add-on {id_} was not found.")
    if add_on["ConfigState"] != CONFIGURED:
        raise Refusal(400, "AddOnNotConfigured", f"The add-on {id_} is not configured.")
    if any(each["AddOnId"].lower() == id_.lower() for each in plan["AddOnReferences"]):
        raise Refusal(409, "AddOnAlreadyLinked", f"The add-on {id_} is linked to the plan already.")
    changed = plan | {"AddOnReferences": [*plan["AddOnReferences"], {"AddOnId": add_on["Id"]}]}
    linked = add_on | {"AssociatedPlans": [*add_on["AssociatedPlans"], plan["Id"]]}
    return PackAnswer(201, {"AddOnId": add_on["Id"]}, changes=(call.state.put("plans", changed), call.state.put("addOns", linked)))


def _unlink(call: PackCall) -> PackAnswer:
    plan, id_ = _plan(call), call.names["addOn"].lower()
    kept = [each for each in plan["AddOnReferences"] if each["AddOnId"].lower() != id_]
    if len(kept) == len(plan["AddOnReferences"]):
        raise Refusal(404, "AddOnNotFound", f"The add-on {call.names['addOn']} is not linked to the plan.")
    used = [row for row in _subscribed(call, id_) if row["PlanId"].lower() == plan["Id"].lower()]
    if used:
        raise Refusal(409, "AddOnInUse", f"{len(used)} subscriptions of the plan have the add-on.")
    changes: list[Change] = [call.state.put("plans", plan | {"AddOnReferences": kept})]
    add_on = call.state.add_ons.get(id_)
    if add_on is not None:
        plans = [each for each in add_on["AssociatedPlans"] if each.lower() != plan["Id"].lower()]
        changes.append(call.state.put("addOns", add_on | {"AssociatedPlans": plans}))
    return PackAnswer(202, changes=tuple(changes))


def _add_ons(call: PackCall) -> PackAnswer:
    return listed(call, call.state.add_ons.values())


def _add_on(call: PackCall) -> Json:
    row = call.state.add_ons.get(call.names["addOn"].lower())
    if row is None:
        raise Refusal(404, "AddOnNotFound", f"The add-on {call.names['addOn']} was not found.")
    return row


def _get_add_on(call: PackCall) -> PackAnswer:
    return PackAnswer(body=shown(_add_on(call)))


def _create_add_on(call: PackCall) -> PackAnswer:
    body = call.body
    id_ = str(body.get("Id") or "")
    if not id_ or not body.get("DisplayName"):
        raise Refusal(400, "BadRequest", "Id and DisplayName are required.")
    if call.state.add_ons.get(id_.lower()) is not None:
        raise Refusal(409, "AddOnAlreadyExists", f"The add-on {id_} exists already.")
    row = {
        "Id": id_,
        "DisplayName": body["DisplayName"],
        "Description": body.get("Description"),
        "State": int(body.get("State", 0)),
        "ConfigState": NOT_CONFIGURED,
        "QuotaSyncState": 0,
        "LastErrorMessage": None,
        "MaxOccurrencesPerPlan": int(body.get("MaxOccurrencesPerPlan", 1)),
        "ServiceQuotas": [],
        "AssociatedPlans": [],
    }
    return PackAnswer(200, row, changes=(call.state.put("addOns", row),))


def _add_service(call: PackCall) -> PackAnswer:
    row, body = _add_on(call), call.body
    name, instance = str(body.get("Name") or ""), str(body.get("InstanceId") or "")
    if name != "systemcenter" or not instance:
        raise Refusal(400, "ServiceNotFound", f"The service {name} with the instance {instance} is not registered.")
    if any(each["ServiceName"] == name for each in row["ServiceQuotas"]):
        raise Refusal(409, "ServiceAlreadyExists", f"The add-on has the service {name} already.")
    quota = {"ServiceName": name, "ServiceInstanceId": instance, "ConfigState": NOT_CONFIGURED, "QuotaSyncState": 0, "Settings": []}
    changed = row | {"ServiceQuotas": [*row["ServiceQuotas"], quota]}
    return PackAnswer(201, {"Name": name, "InstanceId": instance}, changes=(call.state.put("addOns", changed),))


def _quota(call: PackCall) -> PackAnswer:
    row = _add_on(call)
    if call.flag("sync"):
        changes = [call.state.put("addOns", syncing(call.state, row, call.now, None))]
        changes += [
            call.state.put("subscriptions", syncing(call.state, each, call.now, call.fault)) for each in _subscribed(call, row["Id"])
        ]
        return PackAnswer(200, changes=tuple(changes))
    quotas = {str(each["ServiceName"]): each for each in row["ServiceQuotas"]}
    for given in call.body.get("ServiceQuotas") or []:
        known = quotas.get(str(given.get("ServiceName")))
        if known is None:
            raise Refusal(400, "ServiceNotFound", f"The add-on has no service {given.get('ServiceName')}; add it first.")
        quotas[known["ServiceName"]] = known | {"Settings": given.get("Settings") or [], "ConfigState": CONFIGURED}
    changed = row | {"ServiceQuotas": list(quotas.values()), "ConfigState": CONFIGURED if quotas else NOT_CONFIGURED}
    try:
        clouds_of(changed)
    except ValueError as problem:
        raise Refusal(400, "BadRequest", str(problem)) from None
    body = {"ServiceQuotas": changed["ServiceQuotas"]}
    return PackAnswer(200, body, changes=(call.state.put("addOns", changed),), spends_fault=False)


def _delete_add_on(call: PackCall) -> PackAnswer:
    row = _add_on(call)
    if row["AssociatedPlans"] or _subscribed(call, row["Id"]):
        raise Refusal(409, "AddOnInUse", f"The add-on {row['Id']} is linked or subscribed.")
    return PackAnswer(202, changes=(call.state.remove("addOns", row),))


def _subscribed(call: PackCall, add_on: str) -> list[Json]:
    wanted = add_on.lower()
    return [row for row in call.state.subscriptions.values() if any(each["AddOnId"].lower() == wanted for each in row["AddOnReferences"])]


# subscriptions


def _create_subscription(call: PackCall) -> PackAnswer:
    body = call.body
    id_, user, plan_id = (str(body.get(name) or "") for name in ("SubscriptionId", "AccountAdminLiveEmailId", "PlanId"))
    if not _GUID.fullmatch(id_):
        raise Refusal(400, "BadRequest", "SubscriptionId is not a GUID.")
    if call.state.subscriptions.get(id_.lower()) is not None:
        raise Refusal(409, "SubscriptionAlreadyExists", f"The subscription {id_} exists already.")
    owner = call.state.users.get(user.lower())
    if owner is None or str(body.get("AccountAdminLivePuid", "")).lower() != user.lower():
        raise Refusal(400, "UserNotFound", f"The user {user} was not found.")
    plan = call.state.plans.get(plan_id.lower())
    if plan is None:
        raise Refusal(404, "PlanNotFound", f"The plan {plan_id} was not found.")
    _check_limit(call, plan, user)
    row = _new_subscription(call, body, id_, owner["Name"], plan)
    row = syncing(call.state, row, call.now, call.fault, activation=True)
    return PackAnswer(200, shown(row), changes=(call.state.put("subscriptions", row),))


def _check_limit(call: PackCall, plan: Json, user: str) -> None:
    most = int(plan.get("MaxSubscriptionsPerAccount", -1))
    there = [
        row
        for row in call.state.subscriptions.values()
        if row["PlanId"].lower() == plan["Id"].lower() and row["AccountAdminLiveEmailId"].lower() == user.lower()
    ]
    if most >= 0 and len(there) >= most:
        raise Refusal(409, "MaxSubscriptionsReached", f"The user {user} has {len(there)} of {most} subscriptions of the plan {plan['Id']}.")


def _new_subscription(call: PackCall, body: Json, id_: str, owner: str, plan: Json) -> Json:
    return {
        "SubscriptionID": id_,
        "SubscriptionName": body.get("FriendlyName") or plan["DisplayName"],
        "AccountAdminLiveEmailId": owner,
        "ServiceAdminLiveEmailId": body.get("ServiceAdminLiveEmailId") or owner,
        "CoAdminNames": body.get("CoAdminNames") or [],
        "AddOnReferences": [],
        "AddOns": [],
        "State": ACTIVE,
        "QuotaSyncState": 0,
        "ActivationSyncState": 0,
        "PlanId": plan["Id"],
        "Services": [{"Type": "systemcenter", "State": "Registered", "QuotaSyncState": 0, "ActivationSyncState": 0}],
        "LastErrorMessage": None,
        "Features": None,
        "OfferFriendlyName": plan["DisplayName"],
        "OfferCategory": body.get("OfferCategory"),
        "Created": to_text(call.now),
        "_inForce": None,
    }


def _change_subscription(call: PackCall) -> PackAnswer:
    row, body = subscription_of(call), call.body
    if row["State"] == DELETE_PENDING:
        raise Refusal(409, "SubscriptionDeleting", "The subscription is being deleted.")
    if call.flag("migrate"):
        plan = call.state.plans.get(str(body.get("PlanId", "")).lower())
        if plan is None:
            raise Refusal(404, "PlanNotFound", f"The plan {body.get('PlanId')} was not found.")
        changed = row | {"PlanId": plan["Id"], "OfferFriendlyName": plan["DisplayName"], "AddOnReferences": []}
        changed = syncing(call.state, changed, call.now, call.fault)
        return PackAnswer(200, shown(changed), changes=(call.state.put("subscriptions", changed),))
    state = _STATES.get(str(body.get("Status")))
    if state is None:
        raise Refusal(400, "BadRequest", f"Status '{body.get('Status')}' is not one of Active and Suspended.")
    changed = row | {"State": state}
    return PackAnswer(200, shown(changed), changes=(call.state.put("subscriptions", changed),), spends_fault=False)


def _delete_subscription(call: PackCall) -> PackAnswer:
    return PackAnswer(202, changes=(_deletion(call, subscription_of(call), force=call.flag("force")),))


def _deletion(call: PackCall, row: Json, *, force: bool) -> Change:
    lasts = timedelta(seconds=float(call.state.setting("deleteSeconds")))
    stuck = call.fault is not None and call.fault.kind == "stuckDeletion"
    before = row.get("_deleting") or {}
    deleting = {
        "force": force or before.get("force", False),
        "stuck": stuck or before.get("stuck", False),
        "earliest": before.get("earliest") or to_text(call.now + lasts),
    }
    return call.state.put("subscriptions", row | {"State": DELETE_PENDING, "_deleting": deleting})


_USER = r"/users/(?P<user>[^/]+)"
_PLAN = r"/plans/(?P<plan>[^/]+)"
_ADD_ON = r"/addons/(?P<addOn>[^/]+)"
_SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
ROUTES = (
    Route(ADMIN, "GET", r"/users", _users),
    Route(ADMIN, "POST", r"/users", _create_user),
    Route(ADMIN, "GET", _USER, _get_user),
    Route(ADMIN, "PUT", _USER, _update_user),
    Route(ADMIN, "DELETE", _USER, _delete_user, DELETION_FAULTS),
    Route(ADMIN, "GET", r"/plans", _plans),
    Route(ADMIN, "GET", _PLAN, _get_plan),
    Route(ADMIN, "POST", rf"{_PLAN}/addons", _link),
    Route(ADMIN, "DELETE", rf"{_PLAN}/addons/(?P<addOn>[^/]+)", _unlink),
    Route(ADMIN, "GET", r"/addons", _add_ons),
    Route(ADMIN, "POST", r"/addons", _create_add_on),
    Route(ADMIN, "GET", _ADD_ON, _get_add_on),
    Route(ADMIN, "POST", rf"{_ADD_ON}/services", _add_service),
    Route(ADMIN, "PUT", rf"{_ADD_ON}/quota", _quota, SYNC_FAULTS),
    Route(ADMIN, "DELETE", _ADD_ON, _delete_add_on),
    Route(ADMIN, "POST", r"/subscriptions", _create_subscription, SYNC_FAULTS),
    Route(ADMIN, "PATCH", _SUBSCRIPTION, _change_subscription, SYNC_FAULTS),
    Route(ADMIN, "DELETE", _SUBSCRIPTION, _delete_subscription, DELETION_FAULTS),
)
