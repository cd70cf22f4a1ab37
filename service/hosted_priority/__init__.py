"""The priority by a model at the provider: what it is asked, what its answers are worth, and which tickets are kept for that."""
