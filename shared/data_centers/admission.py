"""What can be known of an order before anything is sent: plan, limits, user, subscriptions, add-ons."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from shared.data_centers.answers import OrderCheck, OrderChecks
from shared.data_centers.gateway import Gateway
from shared.data_centers.kinds import Action
from shared.data_centers.records.record import AddOnOf, DataCenter, DataCenterState
from shared.data_centers.records.store import DataCenterStore
from shared.data_centers.requests import ChangeRequest, DeleteRequest, OrderRequest
from shared.data_centers.rules.quotas import Rules, order_problems, subscriptions_problem
from shared.data_centers.steps.change_checks import plan_change
from shared.data_centers.steps.quotas import pick_add_ons
from shared.errors import CallFailure, ErrorCode, Problem, Refused, refusal_of, sentence
from shared.installations.document import InstallationRequest
from shared.installations.plans import PlanFacts
from shared.installations.reach.connections import Connections
from shared.installations.resources import Resource

READS_SECONDS: Final = 4.5
"""Within the five seconds of docs/design/http.md."""
_MOST_SHOWN: Final = 20
CHECKS = ("installation", "plan", "limits", "user", "subscriptions", "addOns")


@dataclass(slots=True)
class Admission:
    """What reads at the installation show of an order; `problems` are by the name of their check, in the order of the checks."""

    plan: PlanFacts | None = None
    user_there: bool = False
    add_ons: tuple[AddOnOf, ...] = ()
    problems: dict[str, list[Problem]] = field(default_factory=dict)

    @property
    def refusal(self) -> Problem | None:
        """The first problem, with all of its kind as details; None where the order can be carried out."""
        for name in CHECKS:
            found = self.problems.get(name)
            if found:
                first = found[0]
                same = tuple(one for one in found if one.code == first.code)
                return Problem(first.code, first.message, first.target, same)
        return None

    @property
    def shown(self) -> OrderChecks:
        """The checks as a dry run answers them."""
        shown: list[OrderCheck] = []
        for name in CHECKS:
            found = self.problems.get(name)
            message = " ".join(sentence(one.message) for one in found) if found else "Nothing is in the way."
            shown.append(OrderCheck(name=name, result="failure" if found else "pass", message=message))
        return OrderChecks(checks=tuple(shown))


def wanted_plan(order: OrderRequest, settings: InstallationRequest) -> str | None:
    """Return the plan that an order is for, by id or display name."""
    return order.plan or settings.defaults.plan


def wanted_resources(order: OrderRequest) -> Mapping[Resource, int]:
    """Return what an order names."""
    return order.resources.named if order.resources is not None else {}


@dataclass(frozen=True, slots=True)
class Admitting:
    """Reads what an order needs to know."""

    store: DataCenterStore

    async def look(self, order: OrderRequest, tenant: str, gateway: Gateway) -> Admission:
        """Look at the installation; raises `CallFailure` where it does not answer."""
        found, settings = Admission(), gateway.connection.settings
        await self._plan(found, order, gateway)
        if found.plan is not None:
            rules = Rules(settings.add_on_quota, settings.network_limits)
            problems = order_problems(wanted_resources(order), found.plan, rules)
            found.problems["plan"] = [one for one in problems if one.target == "plan"]
            found.problems["limits"] = [one for one in problems if one.target != "plan"]
            await self._add_ons(found, order, gateway)
        if order.user is not None:
            await self._user(found, order, tenant, gateway)
        return found

    async def _plan(self, found: Admission, order: OrderRequest, gateway: Gateway) -> None:
        name = wanted_plan(order, gateway.connection.settings)
        if name is None:
            found.problems["plan"] = [Problem(ErrorCode.INVALID_REQUEST, "This is required: the installation has no default.", "plan")]
            return
        try:
            found.plan = await gateway.plan(name)
        except LookupError as error:
            found.problems["plan"] = [Problem(ErrorCode.PLAN_NOT_SUITABLE, str(error), "plan")]
            return
        if found.plan is None:
            found.problems["plan"] = [Problem(ErrorCode.NOT_FOUND, f"The plan '{name}' was not found at the installation.", "plan")]

    async def _add_ons(self, found: Admission, order: OrderRequest, gateway: Gateway) -> None:
        if not order.add_ons or found.plan is None:
            return
        on_plan = {one.lower() for one in found.plan.add_ons}
        picked = pick_add_ons(order.add_ons, [one for one in await gateway.add_ons() if one.id.lower() in on_plan], found.plan)
        if isinstance(picked, Problem):
            found.problems["addOns"] = [picked]
        else:
            found.add_ons = picked

    async def _user(self, found: Admission, order: OrderRequest, tenant: str, gateway: Gateway) -> None:
        if order.user is None:
            return
        name = order.user.name
        owner = await self.store.owner_of_user(gateway.connection.name, name)
        found.user_there = await gateway.user(name) is not None
        if owner is not None and owner != tenant:
            message = f"The user '{name}' is not available."
            found.problems["user"] = [Problem(ErrorCode.USER_NOT_AVAILABLE, message, "user.name")]
            return
        if found.user_there and owner is None and not order.user.existing:
            message = f"The user '{name}' exists at the installation. Send user.existing to give it the subscription."
            found.problems["user"] = [Problem(ErrorCode.USER_EXISTS, message, "user.name")]
        if not found.user_there and order.user.existing and owner is None:
            message = f"The user '{name}' was not found at the installation."
            found.problems["user"] = [Problem(ErrorCode.NOT_FOUND, message, "user.name")]
        if found.user_there and found.plan is not None:
            plan = found.plan
            count = sum((one.plan_id or "").lower() == plan.id.lower() for one in await gateway.subscriptions_of(name))
            problem = subscriptions_problem(count, plan)
            if problem is not None:
                found.problems["subscriptions"] = [problem]


@dataclass(frozen=True, slots=True)
class ActingAdmission:
    """Refuses at once what is impossible of a data center that is there; what Azure Pack does not answer is left to the steps."""

    connections: Connections

    async def require(self, record: DataCenter, action: Action, request: BaseModel) -> None:
        """Refuse with `NotOffered` a new password without an accounts service, and with what Azure Pack shows: of a change all that
        its first step would find, of a deletion `MachinesExist`.
        """
        connection = await self.connections.get(record.installation)
        if connection is None:
            return
        if action is Action.NEW_SECRET and connection.hook is None:
            message = f"The installation '{record.installation}' has no accounts service: Farshore makes no passwords there."
            raise Refused(ErrorCode.NOT_OFFERED, message, target="accounts")
        problem: Problem | None = None
        with suppress(CallFailure, TimeoutError):
            async with asyncio.timeout(READS_SECONDS):
                problem = await self._problem(record, request, Gateway(connection))
        if problem is not None:
            raise refusal_of(problem)

    async def _problem(self, record: DataCenter, request: BaseModel, gateway: Gateway) -> Problem | None:
        if record.subscription_id is None or record.user is None:
            return None
        subscription, user = UUID(record.subscription_id), record.user.name
        if isinstance(request, DeleteRequest) and not (request.delete_machines or request.force):
            found = await gateway.machines(subscription, user)
            return machines_exist([one.name or str(one.id) for one in found]) if found else None
        if isinstance(request, ChangeRequest) and record.state is DataCenterState.ACTIVE:
            planned = await plan_change(gateway, record, request)
            return planned if isinstance(planned, Problem) else None
        return None


def machines_exist(names: Sequence[str]) -> Problem:
    """Return the problem of machines that a deletion would leave behind."""
    details = tuple(Problem(ErrorCode.MACHINES_EXIST, f"The machine '{name}' exists.", name) for name in names[:_MOST_SHOWN])
    message = f"The data center has {len(names)} machines. Send deleteMachines to delete them with it."
    return Problem(ErrorCode.MACHINES_EXIST, message, "deleteMachines", details)
