"""From float to integers: observe the data once, plan for a scheme, write the plan as Q/DQ."""

from mcompile.quantize.dynamic import dynamic
from mcompile.quantize.insert import insert
from mcompile.quantize.observe import observe
from mcompile.quantize.plan import plan
from mcompile.quantize.ranges import Ranges, TensorRange

__all__ = ["Ranges", "TensorRange", "dynamic", "insert", "observe", "plan"]
