"""What each provider sends, and what must come of it: the stories that its adapter is tested with."""
