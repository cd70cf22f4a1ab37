"""The index on Chroma: derived from the ledger, and rebuilt from it when it is damaged."""
