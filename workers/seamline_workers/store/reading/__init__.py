"""The read side: lists, single things and counts as the outside sees them, for the API and the command line alike."""
