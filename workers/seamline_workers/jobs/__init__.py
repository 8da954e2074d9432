"""Work that is no lane's: it is due at a time, and any process does it."""
