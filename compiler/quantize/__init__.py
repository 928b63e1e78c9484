"""From float to integers and 16 bits: observe the data once, plan for a scheme, write it down."""

from mcompile.quantize.dynamic import dynamic
from mcompile.quantize.half import half, halved
from mcompile.quantize.insert import insert
from mcompile.quantize.observe import observe
from mcompile.quantize.plan import plan
from mcompile.quantize.ranges import Ranges, TensorRange

__all__ = ["Ranges", "TensorRange", "dynamic", "half", "halved", "insert", "observe", "plan"]
