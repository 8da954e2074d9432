from seamline_adapters.meta.adapter import Meta

__all__ = ["Meta"]
