"""The open balance of an account, from what billing has told of its invoices."""

from __future__ import annotations

from typing import NamedTuple

from seamline.context import SyncTimeline
from seamline.events import InvoiceFailed, InvoiceIssued, InvoicePaid, InvoiceVoided


class Balance(NamedTuple):
    """What is owed, in minor units; both None where nothing is known, or in several currencies."""

    amount: int | None
    currency: str | None


def open_balance(timeline: SyncTimeline) -> Balance:
    """What of the known invoices is neither paid nor withdrawn."""
    paid = timeline.all(InvoicePaid)
    settled = {one.invoice_id for one in paid} | {one.invoice_id for one in timeline.all(InvoiceVoided)}
    told: list[InvoiceIssued | InvoiceFailed | InvoicePaid] = [
        *timeline.all(InvoiceIssued),
        *timeline.all(InvoiceFailed),
        *paid,
    ]
    owed = {one.invoice_id: one.amount for one in told if one.invoice_id not in settled}
    currencies = {one.currency for one in told}
    if len(currencies) != 1:
        return Balance(None, None)
    return Balance(sum(owed.values()), currencies.pop())
