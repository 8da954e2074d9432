"""Orphans: leases that nobody works under and that the store could not be told of, such as while it is away."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from seamline_workers.store import processes
from seamline_workers.store.lanes import Lane, LaneEnd
from seamline_workers.store.store import Store


class Orphans:
    """Keeps such leases until they are given back: whole tokens, and single lanes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._tokens: list[int] = []
        self._lanes: list[tuple[int, str, int]] = []

    def add(self, *, tokens: Sequence[int] = (), lanes: Sequence[Lane | LaneEnd] = ()) -> None:
        """Take in what nobody works under any more."""
        self._keep(tokens, [(lane.key, lane.seat, lane.token) for lane in lanes])

    def give_back(self) -> None:
        """Give all of it back. Raises what the store raises; then it is kept for the next time."""
        with self._lock:
            tokens, self._tokens = self._tokens, []
            lanes, self._lanes = self._lanes, []
        if not tokens and not lanes:
            return
        try:
            with self._store.begin() as connection:
                processes.free(connection, tokens, lanes)
        except BaseException:
            self._keep(tokens, lanes)
            raise

    def _keep(self, tokens: Sequence[int], lanes: Sequence[tuple[int, str, int]]) -> None:
        with self._lock:
            self._tokens += tokens
            self._lanes += lanes
