"""The pieces that an operation makes in Azure or removes, as its record keeps them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId
from shared.values.absence import AbsenceJson
from shared.values.reading import an_object, text
from shared.values.stored import StoredView
from shared.virtual_machines.facts import OWN_TAGS
from shared.virtual_machines.rules.leftovers import Part

OPERATION_TAG = "farshore-operation"
TENANT_TAG = "farshore-tenant"
MOST_TAGS = 50
"""How many tags a resource has at most (Azure's documentation, "Use tags to organize your Azure resources", "Limitations")."""


class Piece(BaseModel):
    """One thing in Azure: `body` is what makes it; pieces of a lower `stage` come first.

    `existing` is true for what was there before: it is changed (`grow_to`, a disk's size in GB), and never deleted. `only_new` makes Azure
    refuse a PUT over another one. `named` is true where the caller chose the name, so that another's may be there. `tagged` is false for
    child resources and OS disks, which are known by their name alone. `reason` is why it could not be deleted.

    `known` is true once it was sent, or Azure has shown it; `deleted` once Azure has accepted its deletion. `url` is Azure's operation of
    its latest write, `absence` the series of looks that did not show it.
    """

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    part: Part
    id: str
    stage: int = 0
    body: dict[str, Any] = {}
    existing: bool = False
    grow_to: int | None = None
    only_new: bool = False
    named: bool = False
    tagged: bool = True
    ready: bool = False
    gone: bool = False
    keep: bool = False
    reason: str | None = None
    known: bool = False
    deleted: bool = False
    url: str | None = None
    absence: AbsenceJson = None

    @property
    def source(self) -> str | None:
        """The ARM id of what a disk is copied from, None for another."""
        return text(an_object(an_object(self.body, "properties"), "creationData"), "sourceResourceId")

    @property
    def resource(self) -> ResourceId:
        """The ARM id."""
        return ResourceId.parse(self.id)

    @property
    def as_left(self) -> dict[str, str | None]:
        """What a result shows of a piece that could not be deleted."""
        return {"id": self.id, "reason": self.reason}


def tags_with(inherited: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of something that is made: its own, and as many of those that it inherits as Azure has room for.

    Those that Farshore wrote come first, the rest by name, so that they are the same each time.
    """
    mine = {name.lower() for name in own}
    others = [name for name in inherited if name.lower() not in mine]
    others.sort(key=lambda name: (not name.lower().startswith(OWN_TAGS), name.lower(), name))
    return {**{name: inherited[name] for name in others[: MOST_TAGS - len(own)]}, **own}


def planned_again(before: tuple[Piece, ...], after: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return a new plan, in which the pieces of the plan before that were sent already are as they were.

    One that the new plan has no need of is kept too, because Azure shows it by now: a failure removes it.
    """
    known = {one.id.lower(): one for one in before if one.known}
    return (*(known.pop(one.id.lower(), one) for one in after), *known.values())


class PiecesDetail(StoredView):
    """What the record of an operation keeps of its pieces, and of the machine that it makes; no answer shows it."""

    pieces: tuple[Piece, ...] = ()
    machine: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()

    def replace(self, number: int, **changes: object) -> None:
        """Change one piece."""
        pieces = list(self.pieces)
        pieces[number] = pieces[number].model_copy(update=changes)
        self.pieces = tuple(pieces)
