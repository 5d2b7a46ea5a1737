"""Puts the capability together from what the composition hands it."""

from dataclasses import dataclass

from shared.arm.clients import AzureClients
from shared.clock import Clock, Ids
from shared.operations.acceptance import Acceptance
from shared.operations.commands import Commands
from shared.operations.locks import Locks
from shared.operations.storage import Storage
from shared.operations.store import Store
from shared.operations.timings import Timings
from shared.operations.workflow import Workflow
from shared.restore_points import chains, ledger
from shared.restore_points.chains import Chains
from shared.restore_points.gateway import RestorePointGateway
from shared.restore_points.ledger import Ledger
from shared.restore_points.newest import Newest
from shared.restore_points.service import Copies
from shared.restore_points.sources import SourceSteps
from shared.restore_points.turns import Turns
from shared.restore_points.workflow import CopySteps, copy_workflow


@dataclass(frozen=True, slots=True)
class RestorePoints:
    """The capability: its workflow, and what its service is made of."""

    workflow: Workflow
    gateway: RestorePointGateway
    chains: Chains
    ledger: Ledger
    newest: Newest

    def service(self, acceptance: Acceptance, commands: Commands) -> Copies:
        """Return what entry points call."""
        return Copies(acceptance, commands, self.gateway, self.chains, self.ledger)


def capability(
    storage: Storage, store: Store, locks: Locks, clients: AzureClients, clock: Clock, ids: Ids, timings: Timings
) -> RestorePoints:
    """Put the capability together; `store` holds operations, `clients` reach Azure."""
    gateway = RestorePointGateway(clients, clock)
    known = Chains(storage.table(chains.TABLE), store, clock)
    copies = Ledger(storage.table(ledger.TABLE), store, clock, ids)
    sources = SourceSteps(gateway, known, copies, locks, clock, timings)
    steps = CopySteps(sources, gateway, known, Turns(known, gateway, clock), copies, clock, timings)
    return RestorePoints(copy_workflow(steps), gateway, known, copies, Newest(storage.table(ledger.TABLE)))
