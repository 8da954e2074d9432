from seamline_adapters.proposify.adapter import Proposify

__all__ = ["Proposify"]
