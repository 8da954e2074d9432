"""Messages between seats, and the folders in which they can be looked at."""
