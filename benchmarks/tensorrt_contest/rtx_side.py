"""What NVIDIA's own parser and compiler make of graphs, in the environment of tensorrt_rtx.

    python rtx_side.py FILE.onnx...

Prints a line of JSON for each file: `error` and the `node` it names, or `kernels` (how many the
compiled network has), `integer` (how many of them multiply int8) and `seconds`. Networks are
strongly typed and compiled for compute capability 8.6; no GPU is needed.
"""

import json
import re
import sys
import time

import tensorrt_rtx as trt

_LAYER = re.compile(r"LayerType: (\w+), Inputs: \[(.*?)\](?:, Constants|, Outputs)")
_PRODUCTS = {"correlation", "gemm"}


class Log(trt.ILogger):
    """Keeps what it is told."""

    def __init__(self):
        trt.ILogger.__init__(self)
        self.told = []

    def log(self, severity, message):
        """Keep the message."""
        self.told.append((severity, message))


def compiled(path):
    """What became of one file."""
    began, log = time.time(), Log()
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(path):
        error = parser.get_error(0)
        return {"error": error.desc(), "node": error.node_name()}
    settings = builder.create_builder_config()
    settings.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    settings.num_compute_capabilities = 1
    settings.set_compute_capability(trt.ComputeCapability.SM86, 0)
    if builder.build_serialized_network(network, settings) is None:
        errors = [m for s, m in log.told if s in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR)]
        return {"error": (errors or ["no engine"])[-1], "node": ""}
    return {**kernels(log.told), "seconds": round(time.time() - began, 2)}


def kernels(told):
    """How many there are, and how many of them multiply integers."""
    text = next((m for _, m in told if m.startswith("Layers:")), "")
    found = _LAYER.findall(text)
    whole = [reads for kind, reads in found if kind in _PRODUCTS and "Datatype: Int8" in reads]
    return {"kernels": len(found), "integer": len(whole)}


if __name__ == "__main__":
    for file in sys.argv[1:]:
        print(json.dumps(compiled(file)), flush=True)
