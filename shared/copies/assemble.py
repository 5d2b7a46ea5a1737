"""Puts the capability together from what the composition hands it."""

from dataclasses import dataclass

from shared.arm.clients import AzureClients
from shared.clock import Clock, Ids
from shared.copies import ledger
from shared.copies.copying import chains
from shared.copies.copying.chains import Chains
from shared.copies.copying.service import Copies
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.turns import Turns
from shared.copies.copying.workflow import CopySteps, copy_workflow
from shared.copies.gateway import RestorePointGateway
from shared.copies.ledger import Ledger
from shared.copies.protection.newest import Newest
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.model.store import Store
from shared.operations.model.workflow import Workflow
from shared.operations.timings import Timings
from shared.storage.tables import Storage


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
