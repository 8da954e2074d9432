"""The only way out: the boundary map, drafts, their decisions, and dispatch."""
