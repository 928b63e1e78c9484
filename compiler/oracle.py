"""Runs a program exactly as its nodes are written: the reference that everything is held against.

ONNX Runtime with every optimization off, and with weights handed over as memory-mapped arrays, so
that a model of any size can be run without being copied or written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import onnx
import onnx.helper as proto
import onnx.numpy_helper
import onnx.shape_inference
import onnx_ir as ir
import onnxruntime as ort

from mcompile.errors import SourceError
from mcompile.lifting import lifted
from mcompile.types import Array, Feeds, Program

_INLINE_BELOW = 1024
_QUICK_BELOW = 1 << 28
_KNOWN_DOMAINS = ("ai.onnx", "com.microsoft", "com.ms.internal")
_PLAIN = {"FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32", "INT64", "BOOL"}

RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
"""Ops that give something else each time they run."""


def unknown_ops(program: Program) -> list[str]:
    """The ops of domains that neither the standard nor the runtime holds, each once."""
    inner = {key[:2] for key in program.graph.functions}
    found = {
        f"{n.domain}.{n.op_type}"
        for n in program.graph.graph.all_nodes()
        if not n.domain.startswith(_KNOWN_DOMAINS)
        and n.domain
        and (n.domain, n.op_type) not in inner
    }
    return sorted(found)


class Oracle:
    """A program ready to run on the CPU; `also` names inner values to return beside the outputs.

    A `quick` one is for looking at values, not for judging them: the runtime may order sums and
    lay out memory as it likes, which takes half the time. Large programs are run as written.
    """

    def __init__(
        self,
        program: Program,
        also: Sequence[str] = (),
        threads: int | None = None,
        *,
        quick: bool = False,
    ) -> None:
        self._weights: dict[str, ort.OrtValue] = {}
        self._names = [p.name for p in program.outputs]
        self._names += [n for n in dict.fromkeys(also) if n not in self._names]
        quick = quick and _size(program) < _QUICK_BELOW
        options = _options(threads, quick)
        written = self._written(program) if quick else self._stubbed(program)
        try:
            self._session = ort.InferenceSession(
                written, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise SourceError(
                "the reference runtime cannot load this model",
                where=f"{program.name}: {_first_line(error)}",
                fix="check it with `python -m onnx.checker`, or export it anew",
            ) from error

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Outputs (and what `also` named) by name.

        Raises `SourceError` that names the node where the model does not run on these inputs.
        """
        given = {name: ort.OrtValue.ortvalue_from_numpy(np.asarray(a)) for name, a in feeds.items()}
        try:
            found = self._session.run_with_ort_values(self._names, given | self._weights)
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise _stopped(error) from error
        return {n: v.numpy() for n, v in zip(self._names, found, strict=True)}

    def _stubbed(self, program: Program) -> bytes:
        """The model with its large weights turned into inputs, which every run then binds.

        Only weights: what the shape of another tensor depends on is small and stays inside.
        """
        model = program.graph
        with lifted(model.graph, _bindable) as weights:
            # What stays inside must be inside: small tensors of another file are read now.
            ir.external_data.load_to_model(model)
            stubbed = ir.to_proto(model)
        for name, tensor in weights.items():
            data = np.ascontiguousarray(tensor.numpy())
            self._weights[name] = ort.OrtValue.ortvalue_from_numpy(data)
        return self._with_inner(stubbed, program)

    def _written(self, program: Program) -> bytes:
        """The model with its weights: what is known can be laid out once and for all."""
        ir.external_data.load_to_model(program.graph)
        return self._with_inner(ir.to_proto(program.graph), program)

    def _with_inner(self, model: onnx.ModelProto, program: Program) -> bytes:
        known = {p.name for p in program.outputs}
        inner = (onnx.ValueInfoProto(name=n) for n in self._names if n not in known)
        model.graph.output.extend(inner)
        return bytes(model.SerializeToString())


def _stopped(error: Exception) -> SourceError:
    """What onnxruntime says of a run that it ended, without its own words around it."""
    told = (str(error).splitlines() or ["it does not say why"])[0]
    node = re.search(r"running (\w+) node\. Name:'([^']*)'", told)
    said = told.partition("Status Message: ")[2] or told.rpartition(" : ")[2] or told
    said = re.sub(r"\S+/\S+\.(?:cc|h):\d+ |^onnxruntime::.*?\) ", "", said)
    return SourceError(
        f"the model does not run: {said[:200]}",
        where=f"node {node[2]} ({node[1]})" if node else "the reference runtime",
        fix="mend that node: onnxruntime by itself says the same of this input",
    )


def _options(threads: int | None, quick: bool) -> ort.SessionOptions:
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if quick else levels.ORT_DISABLE_ALL
    # Prepacking would copy every weight; memory-mapped weights stay on disk without it.
    options.add_session_config_entry("session.disable_prepacking", "0" if quick else "1")
    # Threads that wait for the next run by spinning would cost more than the runs themselves.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False  # its planning takes the square of the number of nodes
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or 0
    return options


def _size(program: Program) -> int:
    """What the weights of the main graph take."""
    held = (v.const_value for v in program.graph.graph.initializers.values())
    return sum(tensor.nbytes for tensor in held if tensor is not None)


def _bindable(tensor: ir.TensorProtocol) -> bool:
    """Whether it is large, and numpy has the type natively: others cannot be handed over."""
    return tensor.nbytes >= _INLINE_BELOW and tensor.dtype.name in _PLAIN


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:200]


def size_of(node: ir.Node, inputs: Sequence[Array | None], opsets: Mapping[str, int]) -> int:
    """Bytes of the node's outputs for those inputs, without computing them; 0 where unknown."""
    one = _renamed(node, inputs)
    given = {n: np.asarray(a) for n, a in zip(one.input, inputs, strict=True) if a is not None}
    types = {n: proto.make_tensor_type_proto(_element(a), a.shape) for n, a in given.items()}
    small = {n: onnx.numpy_helper.from_array(a, n) for n, a in given.items() if a.size <= 64}
    try:
        schema = onnx.defs.get_schema(node.op_type, opsets.get("", 0), "")
        found = onnx.shape_inference.infer_node_outputs(
            schema, one, types, small, opset_imports=_imports(opsets)
        )
    except Exception:  # the checker raises RuntimeError, InferenceError and SchemaError
        return 0
    return sum(_bytes(t.tensor_type) for t in found.values() if t.HasField("tensor_type"))


def evaluate(
    node: ir.Node, inputs: Sequence[Array | None], opsets: Mapping[str, int]
) -> Sequence[Array]:
    """What one node gives for those inputs. Raises `SourceError` where the runtime cannot tell.

    Nodes that differ only in the shapes of their inputs share one session.
    """
    one = _renamed(node, inputs)
    given = {n: np.asarray(a) for n, a in zip(one.input, inputs, strict=True) if a is not None}
    ports = [proto.make_tensor_value_info(n, _element(a), None) for n, a in given.items()]
    results = [onnx.ValueInfoProto(name=n) for n in one.output if n]
    body = proto.make_graph([one], "node", ports, results)
    model = proto.make_model(body, opset_imports=_imports(opsets), ir_version=8)
    try:
        found: Sequence[Array] = _session(model.SerializeToString()).run(None, given)
    except Exception as error:  # onnxruntime raises a dozen unrelated classes
        raise SourceError(f"{node.op_type} cannot be computed: {_first_line(error)}") from error
    return found


@lru_cache(maxsize=256)
def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _renamed(node: ir.Node, inputs: Sequence[Array | None]) -> onnx.NodeProto:
    """The node alone, its values numbered, so that equal nodes are equal bytes."""
    one = onnx.NodeProto(op_type=node.op_type)
    one.attribute.extend(ir.to_proto(node).attribute)
    one.input.extend("" if a is None else f"i{k}" for k, a in enumerate(inputs))
    one.output.extend(f"o{k}" if v.name else "" for k, v in enumerate(node.outputs))
    return one


def _imports(opsets: Mapping[str, int]) -> list[onnx.OperatorSetIdProto]:
    return [proto.make_opsetid("", opsets.get("", 0))]


def _element(array: Array) -> int:
    return int(proto.np_dtype_to_tensor_dtype(array.dtype))


def _bytes(kind: onnx.TypeProto.Tensor) -> int:
    sizes = [d.dim_value for d in kind.shape.dim]
    width: int = proto.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
    return int(np.prod(sizes, dtype=np.float64)) * width if kind.HasField("shape") else 0
