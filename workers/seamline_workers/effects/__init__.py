"""What a handler asks for, and what may hold it back."""
