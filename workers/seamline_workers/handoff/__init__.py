"""One event at one seat: the run of a handler, in this process or elsewhere, and its completion."""
