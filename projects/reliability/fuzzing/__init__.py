"""Damaged inputs with kept seeds, and what becomes of them; the command is ``../fuzz.py``."""
