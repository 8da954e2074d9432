"""The seats of the agency, one module each; its humans in one."""
