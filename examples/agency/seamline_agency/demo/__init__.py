"""The demo: the agency on an embedded store, and simulated providers that send it real, signed HTTP.

It plays how one customer comes, decides and starts (stories 1, 3 and 4), as far as there are no drafts, timers and
approvals yet. No public network: the providers, and their APIs, are this process.
"""

from seamline_agency.demo.play import play

__all__ = ["play"]
