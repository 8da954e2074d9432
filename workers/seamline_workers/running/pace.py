"""The pace of seats: how many lanes a lease takes, by how long their handlers take."""

from __future__ import annotations

from seamline_workers.store.processes import PER_LANE

#: Seconds of handlers' work that one lease should hold: quick seats lease many lanes, slow ones one.
LEASE_WORK = 0.1
#: Most lanes a lease.
MOST_LANES = 256
#: A handler that runs longer than so many seconds is slow: those behind it are given back.
SLOW = 0.1
#: Seconds that the handlers of a seat take of which nothing is known yet.
_UNKNOWN = 0.001


class Pace:
    """How long a seat's handlers take: a moving average in seconds."""

    def __init__(self) -> None:
        self._average: dict[str, float] = {}

    def note(self, seat: str, seconds: float) -> None:
        """Take in that a handler took, or has taken up to now, so many seconds."""
        known = self._average.get(seat, _UNKNOWN)
        # A slow one counts at once; a quick one, and one that only waited for its turn on a busy machine, little by
        # little: small leases cost several times as much.
        weight = 0.5 if seconds > max(known, SLOW) else 0.1
        self._average[seat] = known + (seconds - known) * weight

    def lanes(self, seat: str) -> int:
        """How many lanes a lease of a seat takes."""
        return max(1, min(MOST_LANES, int(LEASE_WORK / max(self._average.get(seat, _UNKNOWN), 0.0001))))

    def per_lane(self, seat: str) -> int:
        """How many handoffs of a lane are read at once."""
        return PER_LANE if self.average(seat) < SLOW else 1

    def average(self, seat: str) -> float:
        """Seconds that a seat's handlers take; 0.0 where none has run yet."""
        return self._average.get(seat, 0.0)
