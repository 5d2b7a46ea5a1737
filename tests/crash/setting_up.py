"""Changes of vaults under way on a real stack whose processes die: asked for, followed to their end, and compared with Azure."""

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.simulation.sample_estate import LOCATIONS, sample_estate
from local.simulation.sample_fabrics import make_unprotected
from tests.crash.failing import REQUESTS, Failing
from tests.crash.fleet import Fleet
from tests.crash.world import Json, World
from tests.support.sites import Maker

_turn = itertools.count(1)


@dataclass(slots=True)
class Wanted:
    """A change to ask for, by HTTP or (`by_message`: a CloudEvent's type) by queue.

    `writes` are the methods and paths that Azure is to see, once each; `made` the ids that are there at the end, `gone` those that are not.
    """

    method: str
    path: str
    body: Json | None
    writes: tuple[tuple[str, str], ...]
    made: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    tenant: str = "provider"
    by_message: str = ""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    operation: str = ""


@dataclass(slots=True)
class SettingUp:
    """Changes on the fleet's stack; `caller` calls the app."""

    fleet: Fleet
    wanted: list[Wanted]
    cloud: str
    fresh: str
    caller: Failing

    @staticmethod
    async def of(fleet: Fleet) -> "SettingUp":
        """Let the simulation hold things of their own for one change of each kind; a machine named `fresh` is not protected yet."""
        now, turn = (await fleet.simulation.clock()).now, next(_turn)
        estate: Json = sample_estate(now)
        wanted, cloud, fresh = changes_of(estate, Maker(estate, now), turn)
        await fleet.hold(World(estate, (), ()))
        return SettingUp(fleet, wanted, cloud, fresh, Failing(fleet, []))

    async def ask_all(self) -> None:
        """Ask for each, as a careful sender does: with the same key again where no answer comes."""
        for one in self.wanted:
            if one.by_message:
                self.send(one)
            else:
                one.operation = await self.start(one)

    def send(self, one: Wanted) -> None:
        """Put a change on the queue."""
        told = {"specversion": "1.0", "id": one.key, "source": "crash", "type": f"farshore.{one.by_message}", "data": one.body}
        self.fleet.send(told, REQUESTS)

    async def start(self, one: Wanted) -> str:
        """Ask over HTTP and return the operation's id."""
        return str((await self.answered(one.method, one.path, one.tenant, one.body, key=one.key))["id"])

    async def answered(self, method: str, path: str, tenant: str = "provider", body: Json | None = None, *, key: str | None = None) -> Json:
        """Call until there is an answer, and return its body."""
        for attempt in range(20):
            status, found = await self.caller.call(method, path, tenant, body, key=key)
            if status in {200, 202, 204}:
                return dict(found or {})
            assert status == 0 or status >= 500, f"{method} {path}: {status}: {found}"
            await asyncio.sleep(0.1 * attempt)  # real processes come back in real time
        raise AssertionError(f"{method} {path} was never answered: {self.fleet.running.host.last_lines()}")

    async def compare(self, lost: Mapping[tuple[str, str], int] | None = None) -> None:
        """Fail unless each change succeeded and left exactly what it should, and nothing else is left over or was written.

        `lost`: how many answers of a write were lost, by its method and path in lower case; it may have taken effect once more for each, to
        the same end.
        """
        there = Counter(await self.ids())
        effects = Counter((one["method"], one["path"].lower()) for one in await self.fleet.simulation.effects())
        due = Counter((method, path.lower()) for one in self.wanted for method, path in one.writes)
        assert not due - effects, f"without effect: {due - effects}"
        assert not effects - due - Counter(lost), f"too often: {effects - due - Counter(lost)}"
        for one in self.wanted:
            assert [there[id_.lower()] for id_ in one.made] == [1] * len(one.made), one
            assert [there[id_.lower()] for id_ in one.gone] == [0] * len(one.gone), one
        await self._all_told("succeeded", None)

    async def compare_refused(self) -> None:
        """Fail unless each change failed with Azure's message and left everything as it was."""
        there = Counter(await self.ids())
        assert await self.fleet.simulation.effects() == []
        for one in self.wanted:
            assert not [id_ for id_ in one.made if there[id_.lower()]], one
            assert [there[id_.lower()] for id_ in one.gone] == [1] * len(one.gone), one
        await self._all_told("failed", "AuthorizationFailed")

    async def _all_told(self, word: str, code: str | None) -> None:
        told = {event["id"]: event for event in self.fleet.take_events() if event["id"].endswith("/terminal")}
        assert len(told) == len(self.wanted), sorted(told)
        for one in self.wanted:
            if one.operation:
                seen = await self.answered("GET", f"/operations/{one.operation}", one.tenant)
                assert seen["status"].lower() == word, seen
                assert (seen["error"] or {}).get("code") == code, seen
                assert f"{one.operation}/terminal" in told
        assert {event["type"].rpartition(".")[2] for event in told.values()} == {word}
        await self.nothing_left()

    async def nothing_left(self) -> None:
        """Fail if a row of an operation under way, or a lock, is left."""
        assert await self.fleet.rows("operations", "RowKey ge 'a|' and RowKey lt 'e'") == [], "active rows or details are left"
        assert await self.fleet.locks() == [], f"locks are left: {await self.fleet.locks()}"

    async def ids(self) -> list[str]:
        """Return the ids, in lower case, of everything that Azure holds in vaults; an item's name as its id's end."""
        vaults = (await self.fleet.simulation.estate())["vaults"]
        things = [thing for vault in vaults for kind in ("policies", "items", "plans") for thing in vault[kind]]
        parts = ("containerMappings", "networkMappings")
        things += [thing for vault in vaults for fabric in vault["fabrics"] for part in parts for thing in fabric.get(part, ())]
        return [thing["id"].lower() for thing in things]


def changes_of(estate: Json, maker: Maker, turn: int) -> tuple[list[Wanted], str, str]:
    """Put things into an estate for one change of each kind; return the changes, a cloud and the name of a machine to protect."""
    vault = maker.vault("provider")
    fabric = next(one for one in vault["fabrics"] if one["id"].endswith("/vmm01"))
    cloud = next(one["id"] for one in fabric["containers"] if one["id"].endswith("/cloud-silver"))
    names = [f"{name}{turn}" for name in ("one", "two", "fresh")]
    machines = [make_unprotected(cloud, name, "VmmVirtualMachine", ()) for name in names]
    fabric["protectableItems"] += machines
    wanted = [
        *(_protected(cloud, machine["id"], by_message=kind) for machine, kind in zip(machines, ("", "protectedItem.create"), strict=False)),
        _policy(vault["id"], cloud, f"policy{turn}"),
        _planned(vault["id"], f"plan{turn}", maker.item(f"member{turn}")),
        _mapped(estate, maker.vault("contoso")["id"], f"mapping{turn}"),
        *_changed(maker, turn),
    ]
    return wanted, cloud, names[2]


def _protected(cloud: str, machine: str, by_message: str = "") -> Wanted:
    item = f"{cloud}/replicationProtectedItems/{machine.rpartition('/')[2]}"
    body = {"protectableItemId": machine, "policy": "every-5-minutes"}
    return Wanted("POST", "/protected-items", body, (("PUT", item),), made=(item,), by_message=by_message)


def _policy(vault: str, cloud: str, name: str) -> Wanted:
    from shared.failovers.set_up.rules import mapping_id

    policy = f"{vault}/replicationPolicies/{name}"
    association = mapping_id(cloud, policy)
    writes = (("PUT", policy), ("PUT", association))
    return Wanted("PUT", f"/replication-policies/{name}", {"clouds": [{"cloud": cloud}]}, writes, made=(policy, association))


def _planned(vault: str, name: str, member: str) -> Wanted:
    plan = f"{vault}/replicationRecoveryPlans/{name}"
    return Wanted("PUT", f"/recovery-plans/{name}", {"groups": [{"members": [member]}]}, (("PUT", plan),), made=(plan,))


def _mapped(estate: Json, vault: str, name: str) -> Wanted:
    here, there = (next(one["id"] for one in estate["virtualNetworks"] if one["id"].endswith(f"/contoso-{region}")) for region in LOCATIONS)
    mapping = f"{vault}/replicationFabrics/contoso-{LOCATIONS[0]}/replicationNetworks/azureNetwork/replicationNetworkMappings/{name}"
    body = {"primaryNetwork": here, "recoveryNetwork": there}
    return Wanted("PUT", f"/network-mappings/{name}", body, (("PUT", mapping),), made=(mapping,), tenant="contoso")


def _changed(maker: Maker, turn: int) -> tuple[Wanted, ...]:
    """Change an item's target, end the protection of another, delete a plan."""
    renamed, ended = maker.item(f"renamed{turn}"), maker.item(f"ended{turn}")
    plan = maker.plan(f"old{turn}", [[maker.item(f"other{turn}")]])
    return (
        Wanted("PATCH", f"/protected-items/renamed{turn}", {"targetVmName": "dr"}, (("PATCH", renamed),)),
        Wanted("DELETE", f"/protected-items/ended{turn}?confirm=ended{turn}", None, (("POST", f"{ended}/remove"),), gone=(ended,)),
        Wanted("DELETE", f"/recovery-plans/old{turn}", None, (("DELETE", plan),), gone=(plan,)),
    )
