from seamline_adapters.hubspot.adapter import HubSpot

__all__ = ["HubSpot"]
