"""Helpers that every other room may use and that use none of them."""
