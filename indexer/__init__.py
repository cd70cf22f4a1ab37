"""The write side of Precedent, and what both sides share; it never imports ``service``."""
