"""Architectures with random weights, the optimizers that are compared on them, and the judges."""
