"""Mistakes of rules, reduced to the fewest nodes that show them, and written down."""
