"""The draft: a proposed reply that rests on retrieved tickets and cites nothing else."""
