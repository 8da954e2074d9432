"""What the world talks to: front door, API, health, metrics, and the command line."""
