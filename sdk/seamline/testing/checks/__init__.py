"""The checks of the contract."""
