from seamline_adapters.stripe.adapter import Stripe

__all__ = ["Stripe"]
