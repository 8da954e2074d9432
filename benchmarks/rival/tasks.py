"""The worker: one Celery task for each delivery, one transaction for each task."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery  # type: ignore[import-untyped]
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import sessionmaker

from benchmarks.rival.accounts import find_or_create_account
from benchmarks.rival.handlers import HANDLERS
from benchmarks.rival.models import Delivery, Event
from benchmarks.rival.payload import Payload
from benchmarks.rival.settings import settings

celery = Celery("rival", broker=settings.broker_url)
celery.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=16,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    beat_schedule={"requeue": {"task": "requeue_unprocessed", "schedule": 60.0}},
)

engine = create_engine(settings.database("psycopg"), pool_size=2, max_overflow=0)
Session = sessionmaker(engine, expire_on_commit=False)


@celery.task(  # type: ignore[untyped-decorator]
    name="process_delivery",
    autoretry_for=(IntegrityError, OperationalError),
    retry_backoff=True,
    retry_jitter=True,
    max_retries=12,
)
def process_delivery(delivery_id: int) -> None:
    """Turn a delivery into an event and run every seat's handler on it, once however often the task is run."""
    with Session.begin() as session:
        delivery = session.get(Delivery, delivery_id, with_for_update=True)
        if delivery is None or delivery.processed_at is not None:
            return
        payload = Payload.model_validate_json(delivery.body)
        account_id = find_or_create_account(session, payload.identities(), payload.party.company)
        event = Event(
            delivery_id=delivery.id,
            account_id=account_id,
            type=payload.type,
            occurred_at=payload.occurred_at,
            data=payload.data,
        )
        session.add(event)
        session.flush()
        for seat, handle in HANDLERS.items():
            flag = handle(event)
            flag.seat, flag.event_id, flag.account_id = seat, event.id, account_id
            session.add(flag)
        delivery.processed_at = func.now()


@celery.task(name="requeue_unprocessed")  # type: ignore[untyped-decorator]
def requeue_unprocessed() -> None:
    """Enqueue again what was stored but, after five minutes, has not been processed: the broker may have lost it."""
    stuck = select(Delivery.id).where(
        Delivery.processed_at.is_(None), Delivery.received_at < func.now() - timedelta(minutes=5)
    )
    with Session() as session:
        ids = session.scalars(stuck.limit(1000)).all()
    for delivery_id in ids:
        process_delivery.delay(delivery_id)
