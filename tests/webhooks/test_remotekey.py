"""Remote keys: fetched once, kept, renewed rarely, and their absence is our fault."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from seamline.errors import KeyUnavailable
from seamline_webhooks import remotekey
from seamline_webhooks.remotekey import RemoteKeys


class Provider:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False
        self.now = 1000.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.down:
            raise KeyUnavailable("down")
        return b"key %d" % len(self.asked)

    def keys(self) -> RemoteKeys:
        return RemoteKeys(self.fetch, lambda: self.now)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_many_at_once_fetch_one_key_and_it_is_kept() -> None:
    provider = Provider()

    async def play() -> None:
        keys = provider.keys()
        assert await asyncio.gather(*(keys.get("u") for _ in range(50))) == [b"key 1"] * 50
        provider.now += remotekey.KEEP_S - 1
        assert await keys.get("u") == b"key 1"
        provider.now += 2
        assert await keys.get("u") == b"key 2"

    run(play())


def test_a_key_is_renewed_on_demand_but_not_for_every_forgery() -> None:
    provider = Provider()

    async def play() -> None:
        keys = provider.keys()
        assert await keys.get("u") == b"key 1"
        assert await keys.get("u", renew=True) == b"key 1"
        provider.now += remotekey.RENEW_S + 1
        assert await keys.get("u", renew=True) == b"key 2"

    run(play())


def test_a_key_that_cannot_be_had_is_not_asked_for_at_once_again() -> None:
    provider = Provider()
    provider.down = True

    async def play() -> None:
        keys = provider.keys()
        for _ in range(3):
            with pytest.raises(KeyUnavailable):
                await keys.get("u")
        assert provider.asked == ["u"]
        provider.down = False
        provider.now += remotekey.AGAIN_S + 1
        assert await keys.get("u") == b"key 2"

    run(play())


def test_addresses_that_senders_make_up_fill_no_memory() -> None:
    provider = Provider()

    async def play() -> None:
        keys = provider.keys()
        for number in range(remotekey.MOST_KEPT + 20):
            await keys.get(f"u{number}")
        assert len(keys._held) == remotekey.MOST_KEPT
        results = await asyncio.gather(*(keys.get(f"v{n}") for n in range(20)), return_exceptions=True)
        assert sum(isinstance(result, KeyUnavailable) for result in results) == 20 - remotekey.MOST_FETCHED

    run(play())
