"""The demo: the agency on an embedded store, and simulated providers that send it real, signed HTTP.

It plays twelve stories, each of a customer of its own, by a simulated clock, and says what came of them. No public
network: the providers, and their APIs, are this process.
"""

from seamline_agency.demo.play import play

__all__ = ["play"]
