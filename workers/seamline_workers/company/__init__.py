"""The company as it is configured: its file, its adapters, channels, sources and roster."""
