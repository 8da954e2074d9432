"""Storing webhooks: those that wait at one moment are committed together, then their ids are relayed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

BATCH = 128
SWEEP_S = 30.0
RECONNECT_S = 0.5

STORE = """
insert into deliveries (source, key, body)
select * from unnest(%s::text[], %s::text[], %s::bytea[])
on conflict do nothing returning id
"""
STUCK = """
select id from deliveries where processed_at is null and received_at < now() - interval '1 minute' order by id limit %s
"""

log = logging.getLogger(__name__)


class Inbox:
    """A queue of webhooks before one database connection; run() stores them until it is cancelled."""

    def __init__(self, database_url: str, relay: Callable[[Sequence[int]], object]) -> None:
        self._database_url = database_url
        self._relay = relay
        self._waiting: list[tuple[str, str, bytes, asyncio.Future[bool]]] = []
        self._arrived = asyncio.Event()

    def put(self, source: str, key: str, body: bytes) -> asyncio.Future[bool]:
        """Queue a webhook; the future says whether it is durable."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((source, key, body, stored))
        self._arrived.set()
        return stored

    async def run(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as connection:
                    await self._serve(connection)
            except psycopg.OperationalError:
                log.exception("the database is away")
                self._fail(self._waiting)
                self._waiting = []
                await asyncio.sleep(RECONNECT_S)

    async def _serve(self, connection: psycopg.AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        swept = 0.0
        while True:
            if not self._waiting:
                self._arrived.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), SWEEP_S)
            if self._waiting:
                await self._store(connection)
            if loop.time() - swept > SWEEP_S:
                swept = loop.time()
                await self._sweep(connection)

    async def _store(self, connection: psycopg.AsyncConnection) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        sources, keys, bodies, futures = zip(*batch, strict=True)
        try:
            cursor = await connection.execute(STORE, (list(sources), list(keys), list(bodies)), prepare=True)
            ids = [row[0] for row in await cursor.fetchall()]
        except psycopg.Error:
            self._fail(batch)
            raise
        for future in futures:
            if not future.done():
                future.set_result(True)
        if ids:
            self._send(ids)

    async def _sweep(self, connection: psycopg.AsyncConnection) -> None:
        """Relay again what is still unprocessed after a minute: a message may have been lost."""
        cursor = await connection.execute(STUCK, (BATCH,))
        if ids := [row[0] for row in await cursor.fetchall()]:
            self._send(ids)

    def _send(self, ids: Sequence[int]) -> None:
        try:
            self._relay(ids)
        except Exception:  # the rows are durable: the sweep relays them when the broker is back
            log.exception("the broker is away")

    def _fail(self, batch: Sequence[tuple[str, str, bytes, asyncio.Future[bool]]]) -> None:
        for *_, future in batch:
            if not future.done():
                future.set_result(False)
