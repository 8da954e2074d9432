"""What was refused: counted in memory, written down in batches, and a sample of it with its reason."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import text

from seamline_workers.log import log
from seamline_workers.store.store import Store, fault, now_us
from seamline_workers.store.tally import tally

#: Seconds between two batches.
EVERY_S = 2.0
#: Most samples of one source and status in a batch, and most distinct counts that wait to be written.
SAMPLES = 5
MOST_WAITING = 10_000
#: Samples that are kept; older ones go.
KEPT = 10_000
#: The name under which requests to no source at all are counted.
NOWHERE = "?"

_PROOF = re.compile(r"auth|cookie|token|secret|sign|key|hash|digest|hmac|password|session")
_LONGEST = 512
_MOST_HEADERS = 40


class Refusal(NamedTuple):
    """One refused request of the sample; nothing of its body."""

    at: int
    source: str
    status: int
    reason: str
    headers: str


class Refusals:
    """Counts refusals; ``note`` never waits, ``flush`` is called from time to time and at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[tuple[str, str], int] = {}
        self._samples: list[Refusal] = []
        self._sampled: dict[tuple[str, int], int] = {}

    def note(self, source: str, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Count one, and keep it as a sample where the batch has few of its kind."""
        key = (source, f"refused:{status}")
        self._counts[key] = self._counts.get(key, 0) + 1
        kind = (source, status)
        n = self._sampled.get(kind, 0)
        if n < SAMPLES:
            self._sampled[kind] = n + 1
            told = reason[:_LONGEST].encode("ascii", "replace").decode().replace("\0", "?")
            self._samples.append(Refusal(now_us(), source, status, told, shown(headers)))

    async def run(self) -> None:
        """Write batches for ever; ends when it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what has come together. What cannot be written now is written later."""
        if not self._counts:
            return
        counts, samples = self._counts, self._samples
        self._counts, self._samples, self._sampled = {}, [], {}
        try:
            await asyncio.to_thread(self._write, counts, samples)
        except Exception as error:
            log.warning("refusals_not_written", **fault(error))
            for key, n in counts.items():
                self._counts[key] = self._counts.get(key, 0) + n
            self._samples = (samples + self._samples)[:MOST_WAITING]

    def _write(self, counts: Mapping[tuple[str, str], int], samples: list[Refusal]) -> None:
        with self._store.begin() as connection:
            tally(connection, counts, now_us())
            if samples:
                connection.execute(_INSERT, [sample._asdict() for sample in samples])
                connection.execute(_PRUNE, {"kept": KEPT})


_INSERT = text(
    "INSERT INTO refusals (at, source, status, reason, headers) VALUES (:at, :source, :status, :reason, :headers)"
)
_PRUNE = text("DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - :kept")


def shown(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Headers as JSON for the operator: of those that could prove something, only that they were there."""
    seen: dict[str, str] = {}
    for name, value in headers:
        if len(seen) == _MOST_HEADERS:
            break
        label = name.decode("latin-1").lower()[:64]
        proof = _PROOF.search(label) is not None
        seen[label] = f"({len(value)} bytes)" if proof else value.decode("latin-1")[:256]
    return json.dumps(seen)
