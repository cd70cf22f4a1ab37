"""The read side of Precedent: a new ticket in, a priority, its precedents and a draft reply out."""
