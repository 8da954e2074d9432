"""A worker process: threads, leases, waking, and the engine that they run."""
