"""Looks at what a request names in Azure and makes the checks: for a dry run, for an acceptance, and again by the first step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.copies.restores.reading import RestoreReader
from shared.copies.restores.request import ResolvedSource, RestoreKind, RestoreRequest
from shared.copies.restores.rules.checks import AzureSeen, Finding, findings, name_findings, refusal, same_name_findings
from shared.copies.restores.rules.names import RESTORE_TAG
from shared.copies.restores.rules.planning import Place, place_of, plan_machine, spec_of
from shared.copies.restores.state import MachineDetail, Part
from shared.errors import Problem


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen, what would be made of it (None: its restore point is not there), and which checks did not pass."""

    seen: AzureSeen
    place: Place
    machines: tuple[MachineDetail | None, ...]
    findings: tuple[Finding, ...]

    @property
    def problem(self) -> Problem | None:
        """Why the request is refused, None where it is not."""
        return refusal(self.findings)

    @property
    def problem_of_request(self) -> Problem | None:
        """Why the request is refused whatever Azure shows, None where it is not."""
        return refusal([one for one in self.findings if not one.from_azure])


def dated(source: ResolvedSource, taken_at: datetime | None) -> ResolvedSource:
    """Return a source with its moment: that of the ledger, else what Azure shows of a point that Farshore did not copy."""
    return source.model_copy(update={"taken_at": source.taken_at or taken_at})


@dataclass(frozen=True, slots=True)
class Looking:
    """Looks and checks."""

    reader: RestoreReader

    async def look(
        self, tenant: str, request: RestoreRequest, sources: Sequence[ResolvedSource], suffix: str, own: str | None = None
    ) -> Looked:
        """Return what Azure shows and the checks; `own` is the operation whose machines do not count as another's. Raises `CallFailure`."""
        seen = await self.reader.look(tenant, request, sources)
        place = place_of(request, sources[0].restore_point_id, seen.region)
        machines = tuple(
            plan_machine(request, number, dated(source, point.facts.taken_at), point.was, place, suffix) if point is not None else None
            for number, (source, point) in enumerate(zip(sources, seen.points, strict=True))
        )
        specs = [spec_of(request, machine, own or "", seen.region) if machine is not None else None for machine in machines]
        found = findings(request, sources, specs, seen) + same_name_findings(machines)
        if request.kind is RestoreKind.VIRTUAL_MACHINE:
            vms = [
                (machine.index, resource.resource)
                for machine in machines
                if machine is not None and request.machines[machine.index].name is not None
                for resource in machine.parts(Part.MACHINE)
            ]
            found += name_findings(await self.reader.taken(vms, own, RESTORE_TAG))
        return Looked(seen, place, machines, tuple(found))
