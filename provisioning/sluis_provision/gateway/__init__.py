"""Releases of the gateway itself: what goes into one, and how one is laid beside the others (decision 0015)."""
