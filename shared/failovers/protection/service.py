"""Protection policies as callers manage them, and the timer's round that protects the new machines of their clouds.

Each protection is a set-up operation under the key of its policy, its machine and the attempt: started twice, by a timer that fires twice,
by two instances or again after a crash, it is one operation. Before it starts, its operation id is noted on the machine, for all policies
of its cloud; where no operation of that id exists it did not start, and is started under the same key.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from shared.access.ownership import owner_of
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id
from shared.clock import Clock
from shared.errors import ErrorCode, Problem, Refused
from shared.failovers.policies import PolicyStore, policy_key, require_visible, run_each, stored_name
from shared.failovers.protection import rules
from shared.failovers.protection.models import (
    KeptNote,
    KeptPolicy,
    PlannedMachine,
    PolicyMachine,
    ProtectionPlan,
    ProtectionPolicyBody,
    ProtectionPolicyRequest,
)
from shared.failovers.protection.rules import Candidate, Decision
from shared.failovers.protection.store import Noted, NoteStore
from shared.failovers.set_up.requests import Change, Kind
from shared.failovers.set_up.service import SetUp, StartSetUp
from shared.failovers.set_up.snapshot import read_vault, wrong
from shared.failovers.set_up.state import SetUpChange
from shared.failovers.vault.inventory import Inventory, asked
from shared.failovers.vault.listing import Vault
from shared.failovers.vault.names import ProtectionState as State
from shared.failovers.vault.names import Provider
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.model.store import Store
from shared.values.reading import an_object, text
from shared.values.sent import SentBody

_log = logging.getLogger(__name__)
_NOUN = "protection policy"
EVERY = timedelta(minutes=10)
"""How often the machines of a cloud are listed: one list call for each policy."""
PER_ROUND, PER_POLICY = 20, 10
"""How many protections a round of the timer starts, in all and for one policy; the next round starts the others."""
_LISTING = {"vmm", "hypervsite"}
_STATES = {Status.SUCCEEDED: State.PROTECTED, Status.CANCELED: State.CANCELED, Status.FAILED: State.FAILED}


@dataclass(frozen=True, slots=True)
class Protection:
    """Manages protection policies and protects the machines that they choose."""

    policies: PolicyStore[KeptPolicy]
    notes: NoteStore
    set_up: SetUp
    inventory: Inventory
    operations: Store
    clock: Clock

    async def put(self, vault: Vault, name: str, request: ProtectionPolicyRequest) -> ProtectionPolicyBody:
        """Create or change a policy of the tenant that owns its cloud.

        Raises `Refused` (InvalidRequest for settings with which no machine can be protected, NotFound for another tenant's policy) and
        `CallFailure`.
        """
        tenant = await self._check(vault, request)
        before = await self.policies.get(str(vault.id), name)
        policy = KeptPolicy(
            name=stored_name(before, name, tenant, _NOUN),
            tenant=tenant,
            vault_id=str(vault.id),
            request=request,
            changed_at=self.clock.now(),
            everything=vault.everything,
        )
        await self.policies.keep(policy)
        return await self._body(policy)

    async def get(self, vault: Vault, name: str) -> ProtectionPolicyBody:
        """Return a policy; raises `Refused` (NotFound)."""
        return await self._body(await self._find(vault, name))

    async def all(self, vault: Vault) -> list[ProtectionPolicyBody]:
        """Return the policies of a vault, by name."""
        return [await self._body(policy) for policy in await self.policies.of_vault(vault.id) if vault.sees(policy.tenant)]

    async def delete(self, vault: Vault, name: str) -> None:
        """Delete a policy; the machines that it has protected remain protected. Raises `Refused` (NotFound)."""
        await self.policies.forget(await self._find(vault, name))

    async def plan(self, vault: Vault, name: str) -> ProtectionPlan:
        """Return the decisions of a policy without starting anything; raises `Refused` (NotFound), `CallFailure`."""
        policy = await self._find(vault, name)
        noted = await self.notes.of_cloud(policy.request.cloud)
        decisions = self._decide(policy, await asked(self._machines(policy)), noted)
        return ProtectionPlan(
            policy=policy.name,
            enabled=policy.request.enabled,
            generated_at=self.clock.now(),
            to_protect=sum(decision.protects for decision in decisions),
            value=tuple(_planned(decision) for decision in decisions),
        )

    async def run(self) -> None:
        """Protect the new machines of every cloud; a policy that fails does not stop the others, and the next round retries it."""
        left = PER_ROUND

        async def one_round(policy: KeptPolicy) -> None:
            nonlocal left
            left -= await self._round(policy, min(left, PER_POLICY))

        await run_each(self.policies, one_round, "protection policy")

    async def _round(self, policy: KeptPolicy, most: int) -> int:
        """Run one policy and return the number of protections that it tried to start."""
        noted = await self._settled(policy.request.cloud)
        if most <= 0 or not policy.request.enabled or not await self._is_time(policy):
            return 0
        now, machines = self.clock.now(), await self._machines(policy)
        await self._note_protected(policy, machines, noted)
        due = [decision.machine for decision in self._decide(policy, machines, noted) if decision.protects]
        for machine in due[:most]:
            await self._begin(policy, machine, noted.get(_key(machine)))
        if len(due) <= most:
            await self.notes.look_done(policy, now)
        return len(due[:most])

    async def _is_time(self, policy: KeptPolicy) -> bool:
        looked = await self.notes.looked_at(policy)
        return looked is None or looked < policy.changed_at or self.clock.now() - looked >= EVERY

    async def _settled(self, cloud: str) -> dict[str, Noted]:
        """Note the ends of started protections and return all notes; one that did not start is due again."""
        noted = await self.notes.of_cloud(cloud)
        running = [one for one in noted.values() if one.note.state is State.RUNNING]
        found = await asyncio.gather(*(self.operations.get(one.note.operation or "") for one in running))
        pairs = list(zip(running, found, strict=True))
        ended = [Noted(self._ended(one.note, operation), one.etag) for one, operation in pairs if operation and operation.status.ended]
        if ended:
            await self.notes.keep(cloud, ended)
            noted = await self.notes.of_cloud(cloud)
        return noted | {ResourceId.parse(one.note.machine).key: _did_not_begin(one) for one, operation in pairs if operation is None}

    def _ended(self, note: KeptNote, operation: Operation) -> KeptNote:
        state, error = _STATES[operation.status], operation.error
        return self._after(note, state, error if state is State.FAILED else None)

    def _after(self, note: KeptNote, state: State, error: Problem | None) -> KeptNote:
        now = self.clock.now()
        next_at = now + rules.wait_after(note.attempts) if state is State.FAILED else None
        return note.model_copy(update={"state": state, "since": now, "next_at": next_at, "error": error})

    async def _machines(self, policy: KeptPolicy) -> list[Candidate]:
        found = await self.inventory.gateway.children(ResourceId.parse(policy.request.cloud), "replicationProtectableItems")
        return [rules.candidate(body) for body in found]

    async def _note_protected(self, policy: KeptPolicy, machines: list[Candidate], noted: dict[str, Noted]) -> None:
        """Note each protected machine, chosen or not: once released it is not protected automatically again."""
        seen = []
        for machine in machines:
            known = noted.get(_key(machine))
            if rules.seen_protected(machine, _note(known)):
                note = self._fresh(machine, State.PROTECTED, known.note.attempts if known is not None else 0)
                seen.append(Noted(note, known.etag if known is not None else None))
        await self.notes.keep(policy.request.cloud, seen)

    async def _begin(self, policy: KeptPolicy, machine: Candidate, known: Noted | None) -> None:
        """Note a protection and start it; a refusal is a failure like others. Busy machines are left for a later round."""
        attempts = (known.note.attempts if known is not None else 0) + 1
        key = rules.attempt_key(policy_key(policy.vault_id, policy.name), machine.id, attempts)
        operation = operation_id(policy.tenant, Kind.ITEM, key)
        note = self._fresh(machine, State.RUNNING, attempts).model_copy(update={"policy": policy.name, "operation": operation})
        claimed = await self.notes.claim(policy.request.cloud, Noted(note, known.etag if known is not None else None))
        if claimed is None:
            return
        try:
            await self.set_up.start(self._asked(policy, machine, key))
        except Refused as refused:
            if refused.code is not ErrorCode.SCOPE_BUSY:
                failed = self._after(note, State.FAILED, refused.problem).model_copy(update={"operation": None})
                await self.notes.claim(policy.request.cloud, Noted(failed, claimed.etag))

    def _asked(self, policy: KeptPolicy, machine: Candidate, key: str) -> StartSetUp:
        options = policy.request.protection.model_dump(mode="json", by_alias=True, exclude_none=True)
        body = {"protectableItemId": machine.id, **options}
        wanted = SetUpChange(Kind.ITEM, Change.CREATE, ResourceId.parse(policy.vault_id), request=SentBody(body))
        actor = Actor("system", f"protection policy {policy.name}", policy.name)
        return StartSetUp(wanted, policy.tenant, actor, key, everything=policy.everything, compare_body=False)

    def _fresh(self, machine: Candidate, state: State, attempts: int) -> KeptNote:
        return KeptNote(machine=machine.id, name=machine.name, state=state, since=self.clock.now(), attempts=attempts)

    def _decide(self, policy: KeptPolicy, machines: list[Candidate], noted: dict[str, Noted]) -> list[Decision]:
        request = policy.request
        choice = rules.Choice(request.include, request.exclude, policy.changed_at)
        notes = {key: note for key, one in noted.items() if (note := _note(one)) is not None}
        return rules.decide_all(machines, choice, notes, self.clock.now())

    async def _find(self, vault: Vault, name: str) -> KeptPolicy:
        found = await self.policies.get(str(vault.id), name)
        return require_visible(found, vault, name, _NOUN)

    async def _check(self, vault: Vault, request: ProtectionPolicyRequest) -> str:
        """Refuse settings with which no machine can be protected, and return the owner of the cloud."""
        gateway = self.inventory.gateway
        clouds, now = await asked(
            asyncio.gather(gateway.children(vault.id, "replicationProtectionContainers"), read_vault(gateway, vault.id))
        )
        cloud = next((one for one in clouds if id_key(own_id(one)) == id_key(request.cloud)), None)
        tenant = await owner_of(self.inventory.registry, request.cloud)
        if cloud is None or tenant is None or not vault.sees(tenant):
            raise wrong("cloud", f"The vault has no cloud {request.cloud}.")
        kind = text(an_object(cloud, "properties"), "fabricType") or "another kind"
        if kind.lower() not in _LISTING:
            raise wrong("cloud", f"A cloud of {kind} does not list its machines. Give a cloud of a VMM server or a Hyper-V site.")
        ownership = self.set_up.ownership
        if not await ownership.anywhere(tenant, everything=vault.everything):
            await ownership.require_own_targets(request.protection, tenant, "protection.")
        policy = now.policy(request.protection.policy, Provider.HYPER_V_REPLICA_AZURE, "protection.policy")
        now.require_associated(request.cloud, policy, "protection.policy")
        return tenant

    async def _body(self, policy: KeptPolicy) -> ProtectionPolicyBody:
        request = policy.request
        notes = [one.note for one in (await self.notes.of_cloud(request.cloud)).values() if one.note.policy == policy.name]
        left = sorted((note for note in notes if note.state is not State.PROTECTED), key=lambda note: (note.name.lower(), note.machine))
        return ProtectionPolicyBody(
            name=policy.name,
            tenant=policy.tenant,
            vault_id=policy.vault_id,
            cloud=request.cloud,
            include=request.include,
            exclude=request.exclude,
            protection=request.protection,
            enabled=request.enabled,
            protected=len(notes) - len(left),
            failed=sum(note.state is State.FAILED for note in left),
            machines=tuple(_machine(note) for note in left),
        )


def _key(machine: Candidate) -> str:
    return ResourceId.parse(machine.id).key


def _did_not_begin(noted: Noted) -> Noted:
    note = noted.note
    return Noted(note.model_copy(update={"state": State.FAILED, "attempts": note.attempts - 1, "next_at": None}), noted.etag)


def _note(noted: Noted | None) -> rules.Note | None:
    if noted is None:
        return None
    note = noted.note
    return rules.Note(note.state, note.since, note.attempts, note.next_at)


def _planned(decision: Decision) -> PlannedMachine:
    machine = decision.machine
    return PlannedMachine(
        machine=machine.id, name=machine.name, protects=decision.protects, reason=decision.reason, message=decision.message
    )


def _machine(note: KeptNote) -> PolicyMachine:
    return PolicyMachine(
        machine=note.machine,
        name=note.name,
        status=note.state,
        since=note.since,
        attempts=note.attempts,
        operation_id=note.operation,
        next_attempt_at=note.next_at,
        error=note.error,
    )
