"""The engine: store, translation, handoffs, and the workers that run them."""
