"""Seamline: what authors of adapters and seats use."""
