"""The bodies of `POST /failovers` and of the decisions on a failover (docs/design/failovers.md).

A request that is wrong raises `pydantic.ValidationError`. Errors of the type `farshore_field` carry the exact path of the field that cannot
be used or is missing, whether the sender wrote it or not.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    StrictBool,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from shared.arm.ids import ResourceId
from shared.clock import to_text
from shared.failovers.vault.fields import (
    At,
    NetworkId,
    ProtectedItemId,
    Reason,
    ReasonGiven,
    RecoveryPlanId,
    RecoveryPointId,
    Span,
    VmName,
    VmSize,
    refuse,
)
from shared.failovers.vault.names import Action, DataSync, LatestPoint, SourceSiteOperations, WindowEnd
from shared.values.documents import Request
from shared.values.durations import duration_text

_OUT_OR_TEST = frozenset({Action.TEST_FAILOVER, Action.PLANNED_FAILOVER, Action.UNPLANNED_FAILOVER})
_MOVES = frozenset({Action.PLANNED_FAILOVER, Action.UNPLANNED_FAILOVER, Action.FAILBACK})
_USABLE: dict[str, frozenset[Action]] = {
    "recoveryPoint": _OUT_OR_TEST | {Action.APPLY_RECOVERY_POINT},
    "network": frozenset({Action.TEST_FAILOVER}),
    "targetVmName": _OUT_OR_TEST,
    "targetVmSize": _OUT_OR_TEST,
    "sourceSiteOperations": frozenset({Action.UNPLANNED_FAILOVER}),
    "dataSync": frozenset({Action.FAILBACK}),
    "createVmIfMissing": frozenset({Action.FAILBACK}),
}
_OF_ONE_ITEM = ("targetVmName", "targetVmSize")
_COMMITTED = _MOVES | {Action.APPLY_RECOVERY_POINT}


class FailoverScope(Request):
    """What is failed over: one protected item, or a recovery plan with its members."""

    protected_item_id: ProtectedItemId | None = None
    recovery_plan_id: RecoveryPlanId | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.protected_item_id is not None and self.recovery_plan_id is not None:
            raise refuse("both protectedItemId and recoveryPlanId are given: give the one that is meant")
        if self.protected_item_id is None and self.recovery_plan_id is None:
            raise refuse("neither protectedItemId nor recoveryPlanId is given: one of them is needed")
        return self

    @property
    def id(self) -> str:
        """The ARM id of the item or the plan."""
        return self.protected_item_id or self.recovery_plan_id or ""

    @property
    def is_plan(self) -> bool:
        """Whether it is a recovery plan."""
        return self.recovery_plan_id is not None

    def as_json(self) -> dict[str, str]:
        """Return the one member that is given."""
        return {"recoveryPlanId": self.id} if self.is_plan else {"protectedItemId": self.id}


class RecoveryPointChoice(Request):
    """Which recovery point: by what it is (a text such as `Latest`), by `id`, or the newest at or before `at`."""

    id: RecoveryPointId | None = None
    at: At | None = None
    _latest: LatestPoint | None = PrivateAttr(default=None)

    @property
    def latest(self) -> LatestPoint | None:
        """What it is, None where it is given by id or time."""
        return self._latest

    @staticmethod
    def of(latest: LatestPoint) -> "RecoveryPointChoice":
        """Choose by what it is."""
        choice = RecoveryPointChoice.model_construct(id=None, at=None)
        choice._latest = latest  # noqa: SLF001  # a constructor of this class
        return choice

    @model_validator(mode="wrap")
    @classmethod
    def _text_or_object(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:  # noqa: ANN401  # whatever was sent
        if isinstance(value, str):
            if value not in set(LatestPoint):
                raise refuse(f"it is one of {', '.join(LatestPoint)}, or an object with id or at")
            return cls.of(LatestPoint(value))
        choice = handler(value)
        if choice.latest is None and (choice.id is None) == (choice.at is None):
            raise refuse(f"give one of id and at, or one of {', '.join(LatestPoint)} as text")
        return choice

    @model_serializer(mode="plain")
    def _short(self) -> Any:  # noqa: ANN401  # a text or an object
        if self._latest is not None:
            return self._latest.value
        return {"id": self.id} if self.id is not None else {"at": to_text(self.at) if self.at else None}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        one = {"type": "object", "additionalProperties": False}
        return {
            "description": "LatestProcessed and the like, an id, or a time: the newest point at or before it.",
            "default": LatestPoint.LATEST.value,
            "oneOf": [
                {"type": "string", "enum": list(LatestPoint)},
                {**one, "required": ["id"], "properties": {"id": {"type": "string", "format": "arm-id"}}},
                {**one, "required": ["at"], "properties": {"at": {"type": "string", "format": "date-time"}}},
            ],
        }


LATEST = RecoveryPointChoice.of(LatestPoint.LATEST)


class FailoverOptions(Request):
    """How it is done. Only what the sender gave is set; the properties with `effective_` add the defaults."""

    recovery_point: RecoveryPointChoice | None = Field(None, description="Which recovery point; without it the latest.")
    network: NetworkId | None = Field(None, description="The network of a test failover, required there; null attaches none.")
    target_vm_name: VmName | None = Field(None, description="Name of the machine that the failover creates; for one item only.")
    target_vm_size: VmSize | None = Field(None, description="Size of the machine that the failover creates; for one item only.")
    source_site_operations: SourceSiteOperations | None = Field(None, description="Unplanned failover only; without it Required.")
    data_sync: DataSync | None = Field(None, description="Failback only; without it ForSynchronization.")
    create_vm_if_missing: StrictBool | None = Field(None, description="Failback only; without it true.")

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the members that the sender gave, as in JSON; one that is null counts only where null means something."""
        return tuple(
            to_camel(name)
            for name in type(self).model_fields
            if getattr(self, name) is not None or (name == "network" and self.has_network)
        )

    @property
    def has_network(self) -> bool:
        """Whether the network was decided, be it for none."""
        return "network" in self.model_fields_set

    @property
    def effective_point(self) -> RecoveryPointChoice:
        """The recovery point, the latest by default."""
        return self.recovery_point or LATEST


def _as_given(options: FailoverOptions) -> dict[str, Any]:
    body = options.model_dump(mode="json", by_alias=True)
    return {name: body[name] for name in options.given}


GivenOptions = Annotated[FailoverOptions, PlainSerializer(_as_given, return_type=dict[str, Any])]
"""Options as a field of an answer: those that the sender gave."""


class CommitWindow(Request):
    """How long a failover waits for a person's commit, and what happens then."""

    duration: Span
    then: WindowEnd

    @field_validator("duration")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value <= timedelta():
            raise refuse("it is zero: leave commitWindow out, or set thenCommit")
        return value


class ThenCleanup(Request):
    """When a test failover is cleaned up: `true` at once, or `after` a while."""

    after: Span

    @model_serializer(mode="plain")
    def _short(self) -> Any:  # noqa: ANN401  # true or an object
        return {"after": duration_text(self.after)} if self.after else True


class FailoverRequest(Request):
    """A request to fail over, test, commit, come back. The reserved members of a queue message are taken out before."""

    scope: FailoverScope
    action: Action
    reason: Reason | None = Field(None, description="The reason; required for every action except a test failover and its cleanup.")
    accept_untested: StrictBool = Field(False, description="Allow the move without a recent successful test failover.")
    accept_warnings: StrictBool = Field(False, description="Start although a check warns or is unknown; never where one fails.")
    options: FailoverOptions = Field(default_factory=FailoverOptions)
    commit_window: CommitWindow | None = None
    then_commit: StrictBool = False
    then_reprotect: StrictBool = False
    then_cleanup: ThenCleanup | None = Field(None, description='true, or {"after": "PT30M"}; after a test failover only.')

    @field_validator("then_cleanup", mode="before")
    @classmethod
    def _true_is_at_once(cls, value: object) -> object:
        if isinstance(value, bool):
            return {"after": "PT0S"} if value else None
        return value

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        faults = [*_of_options(self), *_of_the_scope(self), *_of_texts(self), *_of_what_follows(self)]
        if faults:
            raise ValidationError.from_exception_data(
                "FailoverRequest",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("farshore_field", "{message}", {"message": message}),
                        loc=tuple(path.split(".")),
                        input=None,
                    )
                    for path, message in faults
                ],
            )
        return self


_Faults = Iterator[tuple[str, str]]
"""The path of a field, and what is wrong with it."""


def _of_options(request: FailoverRequest) -> _Faults:
    for name in request.options.given:
        usable = _USABLE[name]
        if request.action not in usable:
            yield f"options.{name}", f"{request.action} cannot use it; only {_listed(usable)} can"
    if request.action is Action.APPLY_RECOVERY_POINT and request.options.effective_point.latest is LatestPoint.LATEST:
        yield (
            "options.recoveryPoint",
            "the recovery point to apply is missing: give an id, a time, or one of LatestProcessed and the like",
        )
    if request.action is Action.TEST_FAILOVER and not request.options.has_network:
        yield "options.network", "a test failover needs it: the id of an isolated network, or null to attach none"


def _of_the_scope(request: FailoverRequest) -> _Faults:
    point = request.options.recovery_point
    if request.scope.is_plan:
        if request.action is Action.APPLY_RECOVERY_POINT:
            yield "action", "a recovery plan has no ApplyRecoveryPoint: ask for it item by item"
        if point is not None and point.latest is None:
            yield (
                "options.recoveryPoint",
                f"the members of a recovery plan share no recovery point: one of {', '.join(LatestPoint)} is possible",
            )
        for name in _OF_ONE_ITEM:
            if name in request.options.given:
                yield f"options.{name}", "it is of one machine; a recovery plan makes several: set it on each item"
    elif point is not None and point.id is not None and not _lies_in(point.id, request.scope.id):
        yield "options.recoveryPoint.id", "this is a recovery point of another item than scope.protectedItemId"


def _of_texts(request: FailoverRequest) -> _Faults:
    if not request.action.is_test and not (request.reason or "").strip():
        yield "reason", f"{request.action} needs a reason, for the readers of the audit trail"
    if request.accept_untested and not request.action.leaves_primary:
        yield "acceptUntested", f"{request.action} cannot use it; only PlannedFailover and UnplannedFailover ask for a recent test"
    if request.accept_warnings and request.action.is_test:
        yield "acceptWarnings", f"{request.action} cannot use it: warnings do not stop tests"


def _of_what_follows(request: FailoverRequest) -> _Faults:
    action = request.action
    if request.commit_window is not None and action not in _MOVES:
        yield "commitWindow", f"{action} has nothing to commit; only {_listed(_MOVES)} have"
    if request.then_commit and action not in _COMMITTED:
        yield "thenCommit", f"{action} is not followed by a commit; only {_listed(_COMMITTED)} are"
    if request.then_reprotect and action not in _COMMITTED | {Action.COMMIT}:
        yield "thenReprotect", f"{action} is not followed by a reprotection; only {_listed(_COMMITTED | {Action.COMMIT})} are"
    elif request.then_reprotect and action is not Action.COMMIT and not request.then_commit and request.commit_window is None:
        yield "thenReprotect", "Azure reprotects only what is committed: set thenCommit too"
    for name, given in (("thenCommit", request.then_commit), ("thenReprotect", request.then_reprotect)):
        if given and request.commit_window is not None:
            yield name, "not together with commitWindow, which decides on the commit itself"
    if request.then_cleanup is not None and action is not Action.TEST_FAILOVER:
        yield "thenCleanup", f"{action} cannot use it; only a TestFailover is cleaned up"


def _lies_in(point: str, item: str) -> bool:
    parent = ResourceId.parse(point).parent
    return parent is not None and parent == ResourceId.parse(item)


def _listed(actions: frozenset[Action]) -> str:
    return ", ".join(action for action in Action if action in actions)


class ApproveRequest(Request):
    """The approval of a plan by its hash; in a commit window an approval to commit now."""

    plan_hash: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="The hash of the plan that is approved; may be left out in a commit window only."
    )


class RejectRequest(Request):
    """The end of a failover that waits for approval."""

    reason: ReasonGiven
