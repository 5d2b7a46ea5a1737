"""Assembles the capability `copies` from the core."""

from shared.capability import Core, Parts
from shared.copies.copying.chains import Chains
from shared.copies.copying.service import Copies
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.turns import Turns
from shared.copies.copying.workflow import CopySteps, copy_workflow
from shared.copies.gateway import RestorePointGateway
from shared.copies.kinds import CHAINS, COPY, LEDGER
from shared.copies.ledger import Ledger
from shared.copies.messages import MESSAGES
from shared.copies.protection.gauges import CopyGauges
from shared.copies.protection.newest import Newest


def assemble(core: Core) -> Parts:
    """Return the services, the workflow and the gauges of copies."""
    gateway = RestorePointGateway(core.clients, core.clock)
    chains = Chains(core.storage.table(CHAINS), core.store, core.clock)
    ledger = Ledger(core.storage.table(LEDGER), core.store, core.clock, core.ids)
    sources = SourceSteps(gateway, chains, ledger, core.locks, core.clock, core.timings)
    steps = CopySteps(sources, gateway, chains, Turns(chains, gateway, core.clock), ledger, core.clock, core.timings)
    gauges = CopyGauges(core.store, Newest(core.storage.table(LEDGER)), core.clock)

    async def record_gauges() -> None:
        await gauges.record(core.registry.each())

    return Parts(
        services=(Copies(core.acceptance, core.commands, gateway, chains, ledger),),
        workflows={COPY.name: copy_workflow(steps)},
        gauges=(record_gauges,),
        messages=MESSAGES,
    )
