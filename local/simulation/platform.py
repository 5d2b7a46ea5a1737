"""The state below the services: world, clock, issuer, buckets, faults, logs, and the store."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.simulation.arm.access import Principal
from local.simulation.arm.buckets import Buckets
from local.simulation.arm.issuer import Issuer
from local.simulation.arm.tables import Change, Json
from local.simulation.control.clock import Clock
from local.simulation.control.log import Effects, Requests
from local.simulation.control.store import Store
from local.simulation.estate import read_estate, write_estate
from local.simulation.faults.fault import Fault, Faults, Pick, digest
from local.simulation.sample_estate import sample_estate
from local.simulation.services import empty_world
from local.simulation.times import from_text, to_text

_META = "meta"
_LATE = "late"
_PERMISSIONS_KEPT = 50_000


@dataclass(frozen=True, slots=True, order=True)
class Late:
    """A write on its way: it lands at `due`, by Azure's clock, in the name of a principal."""

    due: datetime
    number: int
    principal: str = field(compare=False)
    request: Json = field(compare=False)


class Platform:
    """The simulated Azure's whole state. With a data folder it goes on where it was; `estate` is only for the first start."""

    def __init__(
        self, data: Path | None = None, *, speed: float | None = None, estate: Json | None = None, now: datetime | None = None
    ) -> None:
        self._store: Store | None = None
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
            self._store = Store(data / "simulation.sqlite")
        self.issuer = Issuer(None if data is None else data / "simulation-key.pem")
        self.buckets = Buckets()
        self.faults = Faults()
        self.effects = Effects()
        self.requests = Requests()
        self.world = empty_world()
        self.host_url: str | None = None
        self.late_handlers: dict[str, Callable[[Late], None]] = {}
        """What lands a late effect of a service that is not Resource Manager, by the member `service` of its request."""
        self._late: list[Late] = []
        self._numbered = 0
        self._permissions: dict[tuple[str, str, str], bool] = {}
        note = self._store.get(_META, "clock") if self._store else None
        if note is None:
            self.clock = Clock(now or datetime.now(UTC), 1.0 if speed is None else speed)
            self.replace_estate(estate if estate is not None else sample_estate(self.clock.now()))
        else:
            self.clock = Clock.resumed(note)
            if speed is not None:
                self.clock.set_speed(speed)
            self._restore()
        self.save_clock()

    def _restore(self) -> None:
        store = self._store
        if store is None:
            return
        for table in self.world.tables():
            for key, body in store.rows(table.name):
                table.put(key, table.read(body))
        self.effects = Effects(store.effects(), int(store.get(_META, "lastEffect") or 0))
        self.requests = Requests(store.get(_META, "requests") or [])
        self.faults.restore(store.get(_META, "faults") or [])
        self.host_url = store.get(_META, "host")
        for key, body in store.rows(_LATE):
            heapq.heappush(self._late, Late(from_text(body["due"]), int(key), body["principal"], body["request"]))
            self._numbered = max(self._numbered, int(key))

    # the estate

    def estate(self) -> Json:
        """Return everything that the simulation holds, as `replace_estate` takes it."""
        return write_estate(self.world, self.clock.now())

    def replace_estate(self, estate: Json) -> None:
        """Hold this instead; raises `ValueError`. Clock, faults and the host stay; effects, counts and buckets start again."""
        world = read_estate(estate, self.clock.now())
        self.world = world
        self._permissions.clear()
        self._late.clear()
        self.buckets.clear()
        self.effects.clear()
        self.requests.clear()
        if self._store is None:
            return
        with self._store.together():
            self._store.clear(_LATE)
            self._store.clear_effects()
            self._store.put(_META, "lastEffect", self.effects.last)
            self._store.put(_META, "requests", None)
            self._store.put(_META, "clock", self.clock.note())
            for table in world.tables():
                self._store.clear(table.name)
                for key, row in table.items():
                    self._store.put(table.name, key, table.write(row))

    # what takes effect

    def take_effect(self, changes: tuple[Change, ...], effect: Json, picks: tuple[Pick, ...]) -> None:
        """Make the changes of a write, log it, and use up the faults that it met."""
        self.world.apply(changes)
        numbered = self.effects.add(effect)
        for pick in picks:
            pick.spend()
        if self._store is None:
            return
        with self._store.together():
            for change in changes:
                self._store.put(change.table.name, change.key, None if change.row is None else change.table.write(change.row))
            self._store.add_effect(numbered)
            self._store.put(_META, "clock", self.clock.note())
            if any(not pick.empty for pick in picks):
                self._save_faults()

    def apply(self, changes: tuple[Change, ...]) -> None:
        """Make changes that happen by themselves, and are no effect of a request."""
        self.world.apply(changes)
        if self._store is not None:
            with self._store.together():
                for change in changes:
                    self._store.put(change.table.name, change.key, None if change.row is None else change.table.write(change.row))

    def postpone(self, due: datetime, principal: str, request: Json) -> None:
        """Keep a write until its time."""
        self._numbered += 1
        heapq.heappush(self._late, Late(due, self._numbered, principal, request))
        if self._store is not None:
            self._store.put(_LATE, str(self._numbered), {"due": to_text(due), "principal": principal, "request": request})

    def due(self) -> Iterator[Late]:
        """Return the writes whose time has come, in their order; each is no longer kept."""
        while self._late and self._late[0].due <= self.clock.now():
            late = heapq.heappop(self._late)
            if self._store is not None:
                self._store.put(_LATE, str(late.number), None)
            yield late

    def may(self, principal: Principal, action: str, scope: str) -> bool:
        """Return whether a principal has an action at a scope; cached, as estates seldom change."""
        asked = (principal.id, action, scope)
        known = self._permissions.get(asked)
        if known is None:
            if len(self._permissions) > _PERMISSIONS_KEPT:
                self._permissions.clear()
            known = self._permissions[asked] = principal.may(action, scope)
        return known

    # faults, host, clock

    def add_faults(self, faults: list[Fault]) -> None:
        """Add faults behind those that are there."""
        self.faults.all.extend(faults)
        self._save_faults()

    def clear_faults(self) -> None:
        """Remove every fault."""
        self.faults.all.clear()
        self._save_faults()

    def spend(self, pick: Pick) -> None:
        """Use up what a request met."""
        if not pick.empty:
            pick.spend()
            self._save_faults()

    def begin(self, fault: Fault, now: datetime) -> None:
        """Note the first use of a fault."""
        if fault.began is None:
            fault.began = now
            self._save_faults()

    def expire_token(self, fault: Fault, authorization: str) -> None:
        """Let an access token be invalid from now on."""
        fault.tokens.add(digest(authorization))
        self._save_faults()

    def register_host(self, url: str | None) -> None:
        """Remember where the local host is asked to settle; None forgets it."""
        self.host_url = url
        if self._store is not None:
            self._store.put(_META, "host", url)

    def save_clock(self) -> None:
        """Note the time and the counts, once a second and at the end."""
        if self._store is not None:
            with self._store.together():
                self._store.put(_META, "clock", self.clock.note())
                self._store.put(_META, "requests", self.requests.as_json())

    def close(self) -> None:
        """Save what is not saved yet, and close the store."""
        self.save_clock()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _save_faults(self) -> None:
        if self._store is not None:
            self._store.put(_META, "faults", [fault.as_json() for fault in self.faults.all])
