"""One op between Q/DQ pairs, fed integers, and what real kernels make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from mcompile import graph
from mcompile.types import Scheme

X86 = Scheme("uint8", "int8")
LITE = Scheme("int8", "int8", closed=frozenset({"Conv", "Gemm", "MatMul"}), requantize="fixed")


@dataclass(frozen=True)
class Given:
    """Codes with their scale and zero point; a constant where it is stored in the program."""

    codes: np.ndarray
    scale: np.ndarray | float
    zero: int = 0
    axis: int | None = None
    constant: bool = False

    @property
    def vector(self):
        return np.asarray(self.scale, np.float32)


@dataclass(frozen=True)
class Out:
    """The type, scale and zero point of the codes that the op makes."""

    dtype: str
    scale: float
    zero: int = 0


def sandwich(op, reads, out, *, opset=21, then=(), **attributes):
    """The program DQ.. -> op [-> then] -> Q and its feeds; `out` None leaves the Q out."""
    nodes, stored, inputs, feeds, names = [], [], [], {}, []
    for index, one in enumerate(reads):
        if not isinstance(one, Given):  # a plain constant, such as axes
            stored.append(numpy_helper.from_array(one, f"c{index}"))
            names.append(f"c{index}")
            continue
        kind = helper.np_dtype_to_tensor_dtype(one.codes.dtype)
        if one.constant:
            stored.append(numpy_helper.from_array(one.codes, f"x{index}"))
        else:
            shape = one.codes.shape
            inputs.append(helper.make_tensor_value_info(f"x{index}", kind, shape))
            feeds[f"x{index}"] = one.codes
        zero = np.full(one.vector.shape, one.zero, one.codes.dtype)
        stored += [
            numpy_helper.from_array(one.vector, f"s{index}"),
            numpy_helper.from_array(zero, f"z{index}"),
        ]
        axis = {} if one.axis is None else {"axis": one.axis}
        triple = [f"x{index}", f"s{index}", f"z{index}"]
        nodes.append(helper.make_node("DequantizeLinear", triple, [f"r{index}"], **axis))
        names.append(f"r{index}")
    nodes.append(helper.make_node(op, names, ["o0"], **attributes))
    last = "o0"
    for index, (name, more) in enumerate(then):
        nodes.append(helper.make_node(name, [last], [f"o{index + 1}"], **more))
        last = f"o{index + 1}"
    kind = TensorProto.FLOAT
    if out is not None:
        stored += [
            numpy_helper.from_array(np.asarray(out.scale, np.float32), "s"),
            numpy_helper.from_array(np.asarray(out.zero, out.dtype), "z"),
        ]
        nodes.append(helper.make_node("QuantizeLinear", [last, "s", "z"], ["y"]))
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(out.dtype))
    else:
        nodes[-1].output[0] = "y"
    outputs = [helper.make_tensor_value_info("y", kind, None)]
    body = helper.make_graph(nodes, op, inputs, outputs, stored)
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(body, opset_imports=imports, ir_version=10)
    program = graph.program(op, ir.from_proto(model))
    return program, feeds


def runtime(program, feeds, *, fused=True):
    """What ONNX Runtime's kernels give."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if fused else level.ORT_DISABLE_ALL
    model = ir.to_proto(program.graph).SerializeToString()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def steps_apart(one, other):
    """The largest difference of two arrays of codes of one type and shape."""
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    return int(np.abs(one.astype(np.int64) - other.astype(np.int64)).max(initial=0))


def codes(rng, dtype, *shape):
    """Codes from all over the range of the type, its ends among them."""
    ends = np.iinfo(dtype)
    return rng.integers(ends.min, ends.max, shape, dtype, endpoint=True)


def weights(rng, *shape):
    """Symmetric codes of weights."""
    return rng.integers(-127, 127, shape, np.int8, endpoint=True)
