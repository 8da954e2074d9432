"""Conditions that the partial indexes serve: constants in the text, a bound value would hide them from planners."""

from __future__ import annotations

from sqlalchemy import ColumnElement, literal_column

from seamline_workers.store.desk_schema import UNSETTLED as _UNSETTLED

#: Deliveries that are still to be translated.
UNTRANSLATED: ColumnElement[bool] = literal_column("deliveries.state = 0")
#: Items whose fetch is still to be made.
FETCHING: ColumnElement[bool] = literal_column("items.state = 1")
#: Handoffs that hold their lane: pending or retrying.
UNFINISHED: ColumnElement[bool] = literal_column("handoffs.state < 2")
#: Handoffs that wait for a time, a fact or a person, or are dead.
PUT_ASIDE: ColumnElement[bool] = literal_column("handoffs.state IN (1, 3, 4, 5)")
#: Flags that nobody has cleared.
OPEN_FLAGS: ColumnElement[bool] = literal_column("flags.state = 'open'")
#: Drafts that wait, are on their way, or of which nobody knows whether they went out.
UNSETTLED: ColumnElement[bool] = literal_column(f"({_UNSETTLED})")
