"""Block elimination along a path, by messages between neighbours."""
