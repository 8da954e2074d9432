from seamline_adapters.callrail.adapter import CallRail

__all__ = ["CallRail"]
