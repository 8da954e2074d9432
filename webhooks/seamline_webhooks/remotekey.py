"""Remote verification keys: fetched beside the event loop, kept for a while, one fetch a key at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from seamline.errors import KeyUnavailable

#: Seconds for which a key is kept, and for which a key that could not be had is not asked for again.
KEEP_S = 3600.0
AGAIN_S = 5.0
#: Seconds after which a key may be fetched again because a request names one that it lacks.
RENEW_S = 60.0
#: Most keys that are kept, and most that are fetched at once: the address is pinned, but its path is the sender's word.
MOST_KEPT = 64
MOST_FETCHED = 4


class RemoteKeys:
    """Keys by URL. ``fetch`` runs in a thread and raises KeyUnavailable."""

    def __init__(self, fetch: Callable[[str], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: dict[str, tuple[bytes, float]] = {}
        self._failed: dict[str, float] = {}
        self._coming: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, url: str, *, renew: bool = False) -> bytes:
        """The key at a URL; ``renew`` asks again where the one at hand is old enough. Raises KeyUnavailable."""
        held = self._held.get(url)
        if held is not None and self._clock() - held[1] < (RENEW_S if renew else KEEP_S):
            return held[0]
        if self._clock() - self._failed.get(url, -AGAIN_S) < AGAIN_S:
            raise KeyUnavailable("the key could not be fetched a moment ago")
        task = self._coming.get(url)
        if task is None:
            if len(self._coming) >= MOST_FETCHED:
                raise KeyUnavailable("too many keys are being fetched")
            task = self._coming[url] = asyncio.create_task(self._load(url))
        # One sender that goes away must not take the key from the others.
        return await asyncio.shield(task)

    async def _load(self, url: str) -> bytes:
        try:
            key = await asyncio.to_thread(self._fetch, url)
        except KeyUnavailable:
            _remember(self._failed, url, self._clock())
            raise
        finally:
            del self._coming[url]
        _remember(self._held, url, (key, self._clock()))
        return key


def _remember(kept: dict[str, Any], url: str, value: Any) -> None:
    kept.pop(url, None)
    while len(kept) >= MOST_KEPT:
        del kept[next(iter(kept))]
    kept[url] = value
