"""Stripe: invoices and subscriptions."""

from __future__ import annotations

from seamline_adapters.stripe.adapter import Stripe

__all__ = ["Stripe"]
