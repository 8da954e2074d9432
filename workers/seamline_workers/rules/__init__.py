"""What follows from an event by the company's own declarations, in the transaction that appends it."""
