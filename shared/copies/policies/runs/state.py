"""The stored state of a run, typed: what the steps need (`RunState`) and what an answer shows (`RunDetail`)."""

from pydantic import ConfigDict, Field

from shared.copies.inventory.sources import InventorySource
from shared.errors import ProblemJson
from shared.moments import StoredMoment
from shared.values.documents import Document
from shared.values.stored import StoredView


class CopyCounts(Document):
    """How many copies of a run there are, by how far they are; a redone copy counts once."""

    model_config = ConfigDict(extra="ignore")

    accepted: int = 0
    waiting: int = 0
    copying: int = 0
    usable: int = 0
    failed: int = 0
    canceled: int = 0
    superseded: int = 0


class DeletionCounts(Document):
    """How many deletions of a run there are."""

    model_config = ConfigDict(extra="ignore")

    accepted: int = 0
    done: int = 0
    refused: int = 0
    held: int = 0


class RunCounts(Document):
    """What a run is about, in numbers; at most five minutes old."""

    model_config = ConfigDict(extra="ignore")

    selected: int = 0
    skipped: int = 0
    copies: CopyCounts = Field(default_factory=CopyCounts)
    deletions: DeletionCounts = Field(default_factory=DeletionCounts)


class RunInventory(Document):
    """The inventory of a run; `problems` are what was not read to its end."""

    model_config = ConfigDict(extra="ignore")

    source: InventorySource
    taken_at: StoredMoment
    complete: bool
    problems: tuple[ProblemJson, ...] = ()


class RunState(StoredView):
    """What the steps of a run need.

    `after` is the key of the last item whose copies were accepted, `paid` that of the last whose writes are spent of the budgets, `pruned`
    that of the last whose deletions were accepted. `problem` is the error
    of the selection, with which the run ends although it copies; `prunes` is whether retention may delete. `marks_open` is true where the
    rows of the items show which have not ended; `settled` are the counts of the others, None before they were counted.
    """

    policy_id: str | None = None
    after: str | None = None
    paid: str | None = None
    pruned: str | None = None
    problem: ProblemJson | None = None
    prunes: bool = False
    marks_open: bool = False
    settled: RunCounts | None = None


class RunDetail(StoredView):
    """What an answer shows of a run beside its request."""

    policy_id: str | None = None
    revision: int | None = None
    inventory: RunInventory | None = None
    counts: RunCounts | None = None
