"""The adapters that come with Seamline: one module a provider, found by their entry points like anybody else's."""
