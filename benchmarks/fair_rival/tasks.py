"""The broker and its one actor: a message holds the ids of a batch."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence

import dramatiq
import psycopg
from dramatiq.brokers.redis import RedisBroker

from benchmarks.fair_rival.process import Unprocessable, process

log = logging.getLogger(__name__)

#: How many ids one message carries at most, and how many of them are processed in one transaction.
IDS_A_MESSAGE = int(os.environ.get("FAIR_IDS_A_MESSAGE", "128"))
IDS_A_TRANSACTION = int(os.environ.get("FAIR_IDS_A_TRANSACTION", "1"))

broker = RedisBroker(url=os.environ["FAIR_BROKER_URL"])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
_local = threading.local()


@dramatiq.actor(max_retries=12, min_backoff=1_000, max_backoff=3_600_000)
def process_deliveries(ids: list[int]) -> None:
    """Process a batch; where one delivery is at fault, each goes on alone, so that the others are not held up."""
    for start in range(0, len(ids), IDS_A_TRANSACTION):
        some = ids[start : start + IDS_A_TRANSACTION]
        try:
            process(_connection(), some)
        except Unprocessable:
            if len(ids) == 1:
                raise
            log.warning("%d of a batch of %d go on alone", len(some), len(ids))
            for delivery_id in some:
                process_deliveries.send([delivery_id])


def relay(ids: Sequence[int]) -> None:
    """Enqueue ids that have been stored."""
    for start in range(0, len(ids), IDS_A_MESSAGE):
        process_deliveries.send(list(ids[start : start + IDS_A_MESSAGE]))


def _connection() -> psycopg.Connection:
    """This thread's own connection, opened anew after it has broken."""
    connection: psycopg.Connection | None = getattr(_local, "connection", None)
    if connection is None or connection.closed:
        connection = _local.connection = psycopg.connect(os.environ["FAIR_DATABASE_URL"], autocommit=True)
    return connection
