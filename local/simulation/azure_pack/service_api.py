"""Subscriptions as tenant and administrator see them: lists, add-ons, certificates, quota synchronisation."""

import binascii
from base64 import b64decode
from collections.abc import Iterable

from cryptography import x509

from local.simulation.arm.tables import Json
from local.simulation.azure_pack.certificates import thumbprint
from local.simulation.azure_pack.quotas import DIMENSIONS
from local.simulation.azure_pack.request import APIS, TENANTS, Listener, PackAnswer, PackCall, Refusal
from local.simulation.azure_pack.routes import Route
from local.simulation.azure_pack.settling import SYNC_FAULTS, syncing
from local.simulation.azure_pack.state import shown
from local.simulation.azure_pack.usage import used_by
from local.simulation.ids import derived
from local.simulation.times import to_text

ACTIVE, SUSPENDED, DELETE_PENDING = 1, 2, 3
PUBLIC = 1
NOT_ASSOCIATED = (
    "The server failed to authenticate the request. Verify that the certificate is valid and is associated with this subscription."
)


def subscription_of(call: PackCall) -> Json:
    """Return the subscription that the path names and the caller may see; raises `Refusal` 404, or 403 for a suspended one."""
    row = call.state.subscriptions.get(call.names["subscription"].lower())
    if row is None or not may_see(call, row):
        if call.caller.administrator:
            raise Refusal(404, "NotFound", f"The subscription {call.names['subscription']} was not found.")
        raise Refusal(403, "ForbiddenError", NOT_ASSOCIATED)
    if row["State"] == SUSPENDED and not call.caller.administrator:
        raise Refusal(403, "SubscriptionSuspended", "The subscription is suspended.")
    return row


def may_see(call: PackCall, row: Json) -> bool:
    """Return whether the caller may see a subscription."""
    if call.caller.administrator:
        return True
    if call.caller.subscriptions is not None:
        return row["SubscriptionID"].lower() in call.caller.subscriptions
    name = call.caller.name.lower()
    return name in (str(row["AccountAdminLiveEmailId"]).lower(), *(str(each).lower() for each in row.get("CoAdminNames") or []))


def listed(call: PackCall, rows: Iterable[Json]) -> PackAnswer:
    """Return a list: the administrator's is paged and counted, a tenant's is a bare array."""
    found = [shown(row) for row in rows]
    if call.request.listener is not Listener.ADMIN:
        return PackAnswer(body=found)
    skip, take = int(call.request.query.get("skip", "0")), int(call.request.query.get("take", "100"))
    return PackAnswer(body={"items": found[skip : skip + take], "filteredTotalCount": len(found), "totalCount": len(found)})


def _list(call: PackCall) -> PackAnswer:
    rows = [row for row in call.state.subscriptions.values() if may_see(call, row)]
    query = {name.lower(): value for name, value in call.request.query.items()}
    for name, member in (("userid", "AccountAdminLiveEmailId"), ("planid", "PlanId")):
        if name in query:
            rows = [row for row in rows if str(row[member]).lower() == query[name].lower()]
    if "addonid" in query:
        wanted = query["addonid"].lower()
        rows = [row for row in rows if any(str(each["AddOnId"]).lower() == wanted for each in row["AddOnReferences"])]
    return listed(call, rows)


def _get(call: PackCall) -> PackAnswer:
    return PackAnswer(body=shown(subscription_of(call)))


def _plans(call: PackCall) -> PackAnswer:
    return listed(call, (row for row in call.state.plans.values() if row["State"] == PUBLIC))


def _add_ons(call: PackCall) -> PackAnswer:
    return listed(call, (row for row in call.state.add_ons.values() if row["State"] == PUBLIC))


def _subscribe(call: PackCall) -> PackAnswer:
    row = subscription_of(call)
    id_ = str(call.body.get("AddOnId", ""))
    add_on = call.state.add_ons.get(id_.lower())
    if add_on is None or (add_on["State"] != PUBLIC and not call.caller.administrator):
        raise Refusal(404, "AddOnNotFound", f"The add-on {id_} was not found.")
    plan = call.state.plans.get(str(row["PlanId"]).lower()) or {}
    if not any(each["AddOnId"].lower() == id_.lower() for each in plan.get("AddOnReferences") or []):
        raise Refusal(400, "AddOnNotLinked", f"The add-on {id_} is not linked to the plan {row['PlanId']}.")
    already = [each for each in row["AddOnReferences"] if each["AddOnId"].lower() == id_.lower()]
    most = int(add_on.get("MaxOccurrencesPerPlan", -1))
    if most >= 0 and len(already) >= most:
        raise Refusal(409, "AddOnLimitReached", f"The subscription has the add-on {id_} {most} times already.")
    reference = {
        "AddOnId": add_on["Id"],
        "AddOnInstanceId": derived("add-on instance", row["SubscriptionID"], id_, str(row.get("_instances", 0))),
        "AcquisitionTime": to_text(call.now),
    }
    changed = row | {"AddOnReferences": [*row["AddOnReferences"], reference], "_instances": int(row.get("_instances", 0)) + 1}
    changed = syncing(call.state, changed, call.now, call.fault)
    return PackAnswer(200, reference, changes=(call.state.put("subscriptions", changed),))


def _unsubscribe(call: PackCall) -> PackAnswer:
    row = subscription_of(call)
    kept = [
        each
        for each in row["AddOnReferences"]
        if (each["AddOnId"].lower(), each["AddOnInstanceId"].lower()) != (call.names["addOn"].lower(), call.names["instance"].lower())
    ]
    if len(kept) == len(row["AddOnReferences"]):
        raise Refusal(
            404, "AddOnNotFound", f"The subscription has no instance {call.names['instance']} of the add-on {call.names['addOn']}."
        )
    changed = syncing(call.state, row | {"AddOnReferences": kept}, call.now, call.fault)
    return PackAnswer(200, changes=(call.state.put("subscriptions", changed),))


def _synchronize(call: PackCall) -> PackAnswer:
    changed = syncing(call.state, subscription_of(call), call.now, call.fault)
    return PackAnswer(200, changes=(call.state.put("subscriptions", changed),))


def _usage(call: PackCall) -> PackAnswer:
    row = subscription_of(call)
    used, limits = used_by(call.state.machines_of(row["SubscriptionID"])), row.get("_inForce") or {}
    names = {"VMCount": "Virtual Machines", "CPUCount": "Cores", "MemoryMB": "RAM", "StorageGB": "Storage"}
    return PackAnswer(
        body=[
            {"DisplayName": names[each], "Usage": used[each], "Limit": limits.get(each), "ServiceDisplayName": "Virtual Machine Clouds"}
            for each in DIMENSIONS
        ]
    )


# certificates


def _certificate(row: Json) -> Json:
    return {
        "SubscriptionCertificateThumbprint": row["thumbprint"],
        "SubscriptionCertificateData": row.get("data"),
        "SubscriptionCertificatePublicKey": row.get("publicKey"),
        "Created": row.get("created"),
    }


def _certificates(call: PackCall) -> PackAnswer:
    id_ = subscription_of(call)["SubscriptionID"].lower()
    return PackAnswer(body=[_certificate(row) for row in call.state.certificates.values() if row["subscription"] == id_])


def _add_certificate(call: PackCall) -> PackAnswer:
    id_ = subscription_of(call)["SubscriptionID"].lower()
    text = str(call.body.get("SubscriptionCertificateData", ""))
    try:
        certificate = x509.load_der_x509_certificate(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise Refusal(400, "BadRequest", "SubscriptionCertificateData is not a certificate.") from None
    mark = thumbprint(certificate)
    row = {"id": f"{id_}/{mark}", "subscription": id_, "thumbprint": mark, "data": text, "created": to_text(call.now)}
    return PackAnswer(204, changes=(call.state.put("certificates", row),))


def _one_certificate(call: PackCall) -> Json:
    id_ = f"{subscription_of(call)['SubscriptionID']}/{call.names['thumbprint']}".lower()
    row = call.state.certificates.get(id_)
    if row is None:
        raise Refusal(404, "NotFound", f"The subscription has no certificate {call.names['thumbprint']}.")
    return row


def _get_certificate(call: PackCall) -> PackAnswer:
    return PackAnswer(body=_certificate(_one_certificate(call)))


def _delete_certificate(call: PackCall) -> PackAnswer:
    return PackAnswer(200, changes=(call.state.remove("certificates", _one_certificate(call)),))


_ONE = r"/subscriptions/(?P<subscription>[^/]+)"
_MARK = r"/certificates/(?P<thumbprint>[^/]+)"
ROUTES = (
    Route(APIS, "GET", r"/subscriptions", _list),
    Route(APIS, "GET", _ONE, _get),
    Route(TENANTS, "GET", r"/plans", _plans),
    Route(TENANTS, "GET", r"/addons", _add_ons),
    Route(APIS, "POST", rf"{_ONE}/addons", _subscribe, SYNC_FAULTS),
    Route(APIS, "DELETE", rf"{_ONE}/addons/(?P<addOn>[^/]+)/(?P<instance>[^/]+)", _unsubscribe, SYNC_FAULTS),
    Route(APIS, "PUT", rf"{_ONE}/quota", _synchronize, SYNC_FAULTS),
    Route(TENANTS, "GET", rf"{_ONE}/usagesummaries", _usage),
    Route(TENANTS, "GET", rf"{_ONE}/certificates", _certificates),
    Route(TENANTS, "POST", rf"{_ONE}/certificates", _add_certificate),
    Route(TENANTS, "GET", _ONE + _MARK, _get_certificate),
    Route(TENANTS, "DELETE", _ONE + _MARK, _delete_certificate),
)
