"""Runtimes that artifacts are written for: one file or folder each, found by its name."""
