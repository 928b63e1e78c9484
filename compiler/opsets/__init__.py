"""Operator sets: a program written in an older or newer one, computing the same."""
