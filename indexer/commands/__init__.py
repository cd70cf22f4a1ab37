"""The commands that need no code of the service: they store, check, copy and erase tickets."""
