"""The company over MCP: its chart, its seam and its record, to be read. Nothing here decides anything."""
