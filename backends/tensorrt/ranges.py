"""How far each activation reaches, for TensorRT's older way to INT8 without pairs.

From 8.x to 10.x a network without Q/DQ pairs is built in INT8 with a table of scales: a calibration
cache. Its first line names the TensorRT that made it, and another one ignores the table, so the
device writes that line. The rest is a line for each tensor (NVIDIA/TensorRT, `sampleINT8/README.md`
and `readScalesFromCalibrationCache` in `samples/common/sampleEngines.cpp`):

    name: 3c010a14        the bits of a float32, its sign first: the amax / 127 = the scale
"""

from __future__ import annotations

import json
import struct

import numpy as np

from mcompile.graph import array, is_constant, name_of
from mcompile.types import Program

_STEPS = 127


def scales(program: Program) -> dict[str, np.float32]:
    """The scale of each quantized activation, by the name of the tensor that it is read from."""
    found: dict[str, np.float32] = {}
    for node in program.graph.graph.all_nodes():
        if node.op_type == "QuantizeLinear" and not is_constant(node.inputs[0]):
            scale = array(node.inputs[1])
            if scale is not None:
                name, widest = name_of(node.inputs[0]), np.float32(scale.max())
                found[name] = max(widest, found.get(name, widest))
    return found


def ranges_json(program: Program) -> bytes:
    """The largest magnitude (amax) that each quantized activation may hold, as JSON."""
    told = {name: float(scale) * _STEPS for name, scale in sorted(scales(program).items())}
    return (json.dumps({"schema": 1, "amax": told}, indent=1) + "\n").encode()


def calibration_table(program: Program) -> bytes:
    """The lines of a calibration cache behind the first, in the order of the graph."""
    return "".join(
        f"{n}: {struct.pack('>f', s).hex()}\n" for n, s in scales(program).items()
    ).encode()
