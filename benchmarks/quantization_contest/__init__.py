"""Quantizers against each other on trained networks: noise, speed, and cost of each."""
