from seamline_adapters.postmark.adapter import Postmark

__all__ = ["Postmark"]
