from seamline_adapters.calendly.adapter import Calendly

__all__ = ["Calendly"]
