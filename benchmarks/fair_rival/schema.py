"""The tables, as SQL."""

from __future__ import annotations

TABLES = """
create table deliveries (
    id bigint generated always as identity primary key,
    source text not null,
    key text not null,
    body bytea not null,
    received_at timestamptz not null default now(),
    processed_at timestamptz,
    unique (source, key)
) with (fillfactor = 80);
create index deliveries_unprocessed on deliveries (id) where processed_at is null;
create table accounts (
    id bigint generated always as identity primary key,
    name text,
    created_at timestamptz not null default now()
);
create table identities (
    kind text,
    value text,
    account_id bigint not null,
    primary key (kind, value)
);
create table events (
    id bigint generated always as identity primary key,
    delivery_id bigint not null unique,
    account_id bigint not null,
    type text not null,
    occurred_at timestamptz not null,
    data text not null
);
create index events_account on events (account_id, id);
create table flags (
    event_id bigint,
    seat text,
    kind text,
    account_id bigint not null,
    note text not null,
    created_at timestamptz not null default now(),
    primary key (event_id, seat, kind)
);
"""
