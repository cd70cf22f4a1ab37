"""Exports as helpdesks write them, made with the truth of each ticket beside them."""
