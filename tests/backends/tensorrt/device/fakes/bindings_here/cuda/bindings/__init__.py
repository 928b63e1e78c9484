"""Bindings, one module for each API."""
