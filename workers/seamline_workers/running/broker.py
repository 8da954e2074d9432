"""Dramatiq runs the work. A message only says which kind of work there is; what it is stands in the store.

``store:`` is a broker of ours: its consumer asks the schedule, so that a message exists only for a thread that is
free. With Redis or RabbitMQ Dramatiq's own brokers carry the same message from whoever adds work to any worker that
listens; a worker's own schedule puts in what was never rung or was lost.

The middleware list is explicit. TimeLimit, Retries and AgeLimit are left out: a thread cannot be interrupted safely,
and what failed is a row with an outcome, not a message (``ack`` only says that the thread is free).
"""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq import Broker, Consumer, Message, MessageProxy

from seamline.errors import ConfigError
from seamline_workers.handoff.run import Run, Work
from seamline_workers.running.schedule import Schedule

#: The one queue: which seat or source is served next is the schedule's decision, not the order of messages.
QUEUE = "seamline"
ACTOR = "work"


class StoreBroker(Broker):
    """Makes messages of what is due in the store."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(middleware=[])
        self._schedule = schedule

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        return _StoreConsumer(self._schedule, timeout / 1000)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Ring: the work itself is in the store already."""
        self._schedule.ring()
        return message

    def flush(self, queue_name: str) -> None:
        """Nothing to forget: messages are made of rows."""

    def flush_all(self) -> None:
        """Nothing to forget: messages are made of rows."""

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        raise ConfigError("the store's queue has no end to wait for; look at the handoffs' states")


class _StoreConsumer(Consumer):
    def __init__(self, schedule: Schedule, timeout: float) -> None:
        self._schedule = schedule
        self._timeout = timeout

    def __next__(self) -> MessageProxy | None:
        run = self._schedule.next(self._timeout)
        if run is None:
            return None
        message: Message[Any] = Message(
            queue_name=QUEUE,
            actor_name=ACTOR,
            args=(run,),
            kwargs={},
            options={},
        )
        return MessageProxy(message)

    def ack(self, message: MessageProxy) -> None:
        """The thread is free; the outcome is a row."""

    def nack(self, message: MessageProxy) -> None:
        """The thread is free; the outcome is a row."""

    def requeue(self, messages: Any) -> None:
        """At a stop: what was not begun is over; its work is in the store."""
        for message in messages:
            self._schedule.end(message.args[0], more=True)

    def close(self) -> None:
        """Nothing is held."""


def make_store_broker(schedule: Schedule) -> StoreBroker:
    """The store's broker and its actor, for one process."""
    broker = StoreBroker(schedule)

    @dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker)
    def work(run: Run) -> None:
        schedule.end(run, schedule.engine.do(run))

    broker.emit_after("process_boot")
    return broker


def make_ring_broker(url: str, schedule: Schedule) -> Broker:
    """Dramatiq's broker for Redis or RabbitMQ, and the actor that leases from the store what it was rung for."""
    broker = open_ring_broker(url)

    @dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker)
    def work(kind: str, key: str) -> None:
        run = schedule.claim(Work(kind, key))
        if run is not None:
            schedule.end(run, schedule.engine.do(run))

    broker.emit_after("process_boot")
    return broker


def open_ring_broker(url: str) -> Broker:
    """A connection to Redis or RabbitMQ for rings. Raises ConfigError where the extra is not installed."""
    scheme = url.split(":", 1)[0]
    try:
        if scheme in ("redis", "rediss"):
            from dramatiq.brokers.redis import RedisBroker

            # A ring that died with its worker is found by the slow poll; maintenance only clears it away.
            return RedisBroker(  # type: ignore[no-untyped-call]
                url=url, namespace="seamline", middleware=[], maintenance_chance=10_000
            )
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        return RabbitmqBroker(url=url, middleware=[])
    except ImportError:
        extra = "redis" if scheme.startswith("redis") else "rabbitmq"
        raise ConfigError(f"queue.url names {scheme}; install it with: pip install 'seamline[{extra}]'") from None


def ring(broker: Broker, work: Work) -> None:
    """Say over Redis or RabbitMQ that there is work."""
    broker.enqueue(Message(queue_name=QUEUE, actor_name=ACTOR, args=tuple(work), kwargs={}, options={}))


__all__ = ["ACTOR", "QUEUE", "StoreBroker", "make_ring_broker", "make_store_broker", "open_ring_broker", "ring"]
