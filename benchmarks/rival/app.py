"""The front door: verify, store, commit, enqueue, 202."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks import signature
from benchmarks.rival.models import Delivery
from benchmarks.rival.settings import settings
from benchmarks.rival.tasks import process_delivery

SECRET_KEY = signature.key(settings.webhook_secret)

engine = create_async_engine(settings.database("asyncpg"), pool_size=16, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI(openapi_url=None)


async def database_session() -> AsyncIterator[AsyncSession]:
    async with Session() as session:
        yield session


@app.post("/webhooks/{source}", status_code=202)
async def receive_webhook(
    source: str, request: Request, session: Annotated[AsyncSession, Depends(database_session)]
) -> dict[str, str]:
    body = await request.body()
    key = request.headers.get("webhook-id", "")
    genuine = signature.genuine(
        SECRET_KEY,
        key.encode("latin-1"),
        request.headers.get("webhook-timestamp", "").encode("latin-1"),
        request.headers.get("webhook-signature", "").encode("latin-1"),
        body,
        time.time(),
    )
    if not genuine:
        raise HTTPException(401, "not genuine")
    store = (
        insert(Delivery)
        .values(source=source, key=key, body=body)
        .on_conflict_do_nothing(index_elements=[Delivery.source, Delivery.key])
        .returning(Delivery.id)
    )
    delivery_id = await session.scalar(store)
    await session.commit()
    if delivery_id is None:
        return {"status": "duplicate"}
    process_delivery.delay(delivery_id)
    return {"status": "accepted"}
