"""Ids, partitions and hashes."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.model.identity import (
    all_partitions,
    body_hash,
    inverted,
    is_operation_id,
    operation_id,
    partition_of,
    partition_of_tenant,
    short_hash,
)
from shared.operations.outside.messages import MAX_IDS, read_check, read_step

_texts = st.text(st.characters(), max_size=40)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2250, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants them so


@given(_texts, _texts, _texts)
def test_an_id_alone_gives_the_partition_of_its_tenant(tenant: str, kind: str, key: str) -> None:
    operation = operation_id(tenant, kind, key)
    assert is_operation_id(operation)
    assert len(operation) == 26
    assert operation == operation_id(tenant, kind, key)
    assert partition_of(operation) == partition_of_tenant(tenant)
    assert partition_of(operation) in all_partitions()
    assert operation[:4] == short_hash(tenant)[:4]


@given(st.lists(st.tuples(_texts, _texts, _texts), min_size=2, max_size=2, unique=True))
def test_no_two_requests_share_an_id_however_their_parts_run_together(requests: list[tuple[str, str, str]]) -> None:
    assert operation_id(*requests[0]) != operation_id(*requests[1])


def test_ids_of_two_requests_that_look_alike_when_joined_differ() -> None:
    assert operation_id("ab", "c", "d") != operation_id("a", "bc", "d")
    assert operation_id("1:a", "b", "") != operation_id("1", "a1:b", "")


def test_tenants_are_spread_over_sixteen_partitions() -> None:
    assert {partition_of_tenant(f"tenant-{number}") for number in range(400)} == set(all_partitions())
    assert len(all_partitions()) == 16


def test_texts_that_are_no_ids_are_known_as_such() -> None:
    good = operation_id("contoso", "toy", "1")
    for wrong in ("", good[:-1], f"{good}a", good.upper(), f"{good[:-1]}1", f"{good[:-1]}|", f"{good[:-1]}ä"):
        assert not is_operation_id(wrong)


@given(_moments, _moments)
def test_the_newest_sorts_first(one: datetime, other: datetime) -> None:
    assert len(inverted(one)) == 16
    if abs(one - other) > timedelta(milliseconds=1):
        assert (inverted(one) < inverted(other)) == (one > other)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters()), _json, max_size=5), st.text(), st.text())
def test_the_hash_of_a_body_heeds_neither_order_nor_reserved_members(body: dict[str, object], message: str, tenant: str) -> None:
    turned = dict(reversed(list(body.items())))
    plain = {name: value for name, value in body.items() if name not in {"id", "tenant"}}
    assert body_hash(body) == body_hash(turned) == body_hash({**plain, "id": message, "tenant": tenant})
    assert body_hash({**plain, "more": 1}) != body_hash({**plain, "more": 2})


def test_members_deeper_down_are_not_reserved() -> None:
    assert body_hash({"source": {"id": "a"}}) != body_hash({"source": {"id": "b"}})


@given(st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")) | _json.map(json.dumps))
def test_a_hint_that_is_none_is_dropped_and_never_an_error(text: str) -> None:
    for message in (read_step(text), read_check(text)):
        assert message is None or all(is_operation_id(operation) for operation in message.ids)


def test_a_hint_names_at_most_a_hundred_operations_and_heeds_good_ids_beside_bad_ones() -> None:
    ids = [operation_id("contoso", "toy", str(number)) for number in range(MAX_IDS + 50)]
    message = read_step(json.dumps({"v": 1, "ids": ids}))
    assert message is not None
    assert message.ids == tuple(ids[:MAX_IDS])
    mixed = read_step(json.dumps({"v": 2, "ids": [None, 7, "", "../x", ids[0]], "more": {}}))
    assert mixed is not None
    assert mixed.ids == (ids[0],)
    assert read_step("[" * 50_000) is None
