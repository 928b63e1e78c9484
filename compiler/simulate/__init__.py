"""The integer arithmetic of a runtime that is not here, computed: a program in, its outputs out."""

from mcompile.simulate.simulator import Simulator

__all__ = ["Simulator"]
