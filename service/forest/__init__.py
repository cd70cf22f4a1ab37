"""The forest that serves: when another is fitted, in which process, and whether it takes over."""
