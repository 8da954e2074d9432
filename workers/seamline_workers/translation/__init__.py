"""From stored deliveries to events: read, fetched, polled, and appended to the ledger."""
