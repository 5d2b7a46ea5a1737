"""A secret that is shown once: to one of many calls at once, and to none after."""

import asyncio

import pytest

from shared.errors import ErrorCode, Refused
from shared.secrets.revealing import reveal_once
from shared.storage.tables import Conflict
from tests.support.secrets import OWN, MemoryVaults, memory_secrets


class _Row:
    """A row that is marked by one conditional write."""

    def __init__(self) -> None:
        self.etag = 0
        self.revealed = False

    async def mark(self) -> bool:
        etag, revealed = self.etag, self.revealed
        await asyncio.sleep(0)
        if revealed:
            return False
        try:
            self._write(etag)
        except Conflict:
            return False
        return True

    def _write(self, etag: int) -> None:
        if etag != self.etag:
            raise Conflict
        self.etag, self.revealed = etag + 1, True


async def test_of_twenty_calls_at_once_one_gets_it() -> None:
    vaults, row = MemoryVaults(), _Row()
    reference = str(vaults.add(f"{OWN}/secrets/farshore-x-1", "sas"))
    secrets = memory_secrets(vaults)
    calls = (reveal_once(secrets, reference, row.mark, target="d") for _ in range(20))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    shown = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert [value.reveal() for value in shown] == ["sas"]
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {ErrorCode.SECRET_GONE}
    assert vaults.names() == []
    with pytest.raises(Refused) as refused:
        await reveal_once(secrets, reference, row.mark, target="d")
    assert refused.value.code is ErrorCode.SECRET_GONE


async def test_a_vault_that_does_not_answer_costs_no_showing() -> None:
    vaults, row = MemoryVaults(), _Row()
    reference = str(vaults.add(f"{OWN}/secrets/farshore-x-1", "sas"))
    vaults.down = True
    with pytest.raises(Refused) as refused:
        await reveal_once(memory_secrets(vaults), reference, row.mark, target="d")
    assert (refused.value.code, row.revealed) == (ErrorCode.SERVICE_UNAVAILABLE, False)
    vaults.down = False
    assert (await reveal_once(memory_secrets(vaults), reference, row.mark, target="d")).reveal() == "sas"
