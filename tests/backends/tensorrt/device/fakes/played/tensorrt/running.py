"""Running: ONNX Runtime on the processor, with Q/DQ pairs left as they are written."""

# ruff: noqa: B905 (Python 3.6 has no strict zip)

import base64
import json

import numpy as np
from stage import DEVICE, GPU, STREAM

from .bound import Bound, name_of
from .building import header, say

TRT = None
# By the numbers of onnx.TensorProto. onnx and its runtime are imported where a model is at hand:
# most of what goes wrong goes wrong before.
KINDS = {
    1: ("FLOAT", np.float32),
    10: ("HALF", np.float16),
    6: ("INT32", np.int32),
    7: ("INT64", np.int64),
    9: ("BOOL", np.bool_),
}
SPELLED = {"int8": "Int8", "fp16": "Half", "fp32": "Float"}
DESCRIBED = {
    "int8": "Thirty-two wide channel vectorized row major Int8 format",
    "fp16": "Channel major FP16 format where channel % 8 == 0",
    "fp32": "Row major linear FP32",
}
WEIGHTED = ("Conv", "Gemm", "MatMul")


def layers(body):
    """Type, name and precision of each layer that the graph becomes."""
    import onnx

    model = onnx.load_from_string(base64.b64decode(body["model"]))
    makers = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in model.graph.node:
        if node.op_type not in (*WEIGHTED, "Relu", "Softmax", "Add"):
            continue
        sources = [makers.get(name) for name in node.input]
        quantized = any(s is not None and s.op_type == "DequantizeLinear" for s in sources)
        integers = body["implicit"] or quantized
        half = not body["strong"] and "FP16" in body["flags"]
        halved = any(s is not None and s.op_type == "Cast" for s in sources)
        kind = "fp16" if half or (body["strong"] and halved) else "fp32"
        if node.op_type in WEIGHTED and integers and DEVICE["int8_used"]:
            kind = "int8"
        found.append((node.op_type, node.name or node.output[0], kind))
    return found


def log_lines(body):
    """The builder's words on the engine's layers, as releases before the inspector say them."""
    kinds = {"Conv": "CaskConvolution", "Gemm": "MatrixMultiply", "MatMul": "MatrixMultiply"}
    lines = ["Layer(Reformat): Reformatting CopyNode, Tactic: 0, x[Float(1,8)] -> r[Int8(1,8)]"]
    for op, name, kind in layers(body):
        ends = SPELLED[kind]
        lines.append(
            f"Layer({kinds.get(op, 'PointWise')}): {name}, Tactic: 7, "
            f"a[{ends}(1,8)] -> b[Float(1,8)]"
        )
    return lines


class Runtime(Bound):
    """Loads what this very release has built."""

    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        begin = header()
        if bytes(serialized_engine[: len(begin)]) != begin:
            say(self._logger, "Version tag does not match.")
            return None
        try:
            body = json.loads(bytes(serialized_engine[len(begin) :]))
        except ValueError:
            say(self._logger, "Serialization assertion failed.")
            return None
        GPU.engines += len(serialized_engine)
        return TRT.ICudaEngine(body, self._logger)


class ICudaEngine(Bound):
    """Inputs and outputs, by number or by name as the release has it."""

    def __init__(self, body, logger):
        self._body, self._logger = body, logger
        import onnx

        self._model = onnx.load_from_string(base64.b64decode(body["model"]))
        graph = self._model.graph
        self._ports = [(p, True) for p in graph.input] + [(p, False) for p in graph.output]

    def _find(self, name):
        return next((p, i) for p, i in self._ports if p.name == name)

    def _kind(self, name):
        kind = KINDS[self._find(name)[0].type.tensor_type.elem_type][0]
        # Before release 10 there are no 64 bits.
        return "INT32" if kind == "INT64" and "INT64" not in TRT.DataType.__members__ else kind

    @property
    def num_bindings(self):
        return len(self._ports)

    @property
    def num_io_tensors(self):
        return len(self._ports)

    def get_binding_name(self, index):
        return self._ports[index][0].name

    def get_tensor_name(self, index):
        return self._ports[index][0].name

    def binding_is_input(self, index):
        return self._ports[index][1]

    def get_tensor_mode(self, name):
        return TRT.TensorIOMode.INPUT if self._find(name)[1] else TRT.TensorIOMode.OUTPUT

    def get_binding_dtype(self, index):
        return TRT.DataType[self._kind(self._ports[index][0].name)]

    def get_tensor_dtype(self, name):
        return TRT.DataType[self._kind(name)]

    def _built(self, port):
        dims = port.type.tensor_type.shape.dim
        return tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)

    def get_binding_shape(self, index):
        return self._built(self._ports[index][0])

    def get_tensor_shape(self, name):
        return self._built(self._find(name)[0])

    def create_execution_context(self):
        return TRT.IExecutionContext(self)

    def create_engine_inspector(self):
        return TRT.EngineInspector(self)


class EngineInspector(Bound):
    """Layers as JSON: formats spelled out before release 10, types alone since."""

    def __init__(self, engine):
        self._engine = engine

    execution_context = property(lambda self: self._context,
                                 lambda self, value: setattr(self, "_context", value))  # fmt: skip

    def get_engine_information(self, format):
        assert format == TRT.LayerInformationFormat.JSON
        body = self._engine._body
        if body["verbosity"] != "DETAILED":
            return json.dumps({"Layers": [name for _, name, _ in layers(body)], "Bindings": []})
        new = not name_of(TRT.__version__).startswith("8.")
        told = SPELLED if new else DESCRIBED
        found = [_layer("Reformat", "entry", told["fp32"], told["int8"])]
        for op, name, kind in layers(body):
            row = _layer("gemm" if new else "CaskConvolution", name, told[kind], told["fp32"])
            if op in WEIGHTED:
                row["Weights"] = {"Type": SPELLED[kind], "Count": 9}
            found.append(row)
        # As it is written since 8.6: a character that JSON forbids in texts.
        return json.dumps({"Layers": found, "Bindings": []}).replace('in"', 'in\x1e"')


class IExecutionContext(Bound):
    """Computes when it is told to."""

    def __init__(self, engine):
        self._engine, self._shapes, self._places = engine, {}, {}
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        model = base64.b64decode(engine._body["model"])
        self._session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def _input_shape(self, name, shape):
        assert -1 in self._engine._built(self._engine._find(name)[0]), "its size is no free one"
        for sizes in self._engine._body["profile"]:
            low, _, high = sizes.get(name, [shape, shape, shape])
            if not all(a <= s <= b for a, s, b in zip(low, shape, high)):
                return False
        self._shapes[name] = tuple(shape)
        return True

    def _shape(self, name):
        """Of a free size what the inputs make of it, by shape inference."""
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self._engine._model)
        for port in model.graph.input:
            for dim, size in zip(port.type.tensor_type.shape.dim, self._shapes.get(port.name, ())):
                dim.dim_value = size
        for port in model.graph.output:
            port.type.tensor_type.ClearField("shape")
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        port = next(p for p in (*model.graph.input, *model.graph.output) if p.name == name)
        dims = port.type.tensor_type.shape.dim
        return tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)

    def set_binding_shape(self, binding, shape):
        return self._input_shape(self._engine._ports[binding][0].name, shape)

    def set_input_shape(self, name, shape):
        return self._input_shape(name, shape)

    def get_binding_shape(self, binding):
        return self._shape(self._engine._ports[binding][0].name)

    def get_tensor_shape(self, name):
        return self._shape(name)

    def set_tensor_address(self, name, memory):
        self._places[name] = memory

    def execute_async_v2(self, bindings, stream_handle):
        names = [port.name for port, _ in self._engine._ports]
        return self._execute(dict(zip(names, bindings)), stream_handle)

    def execute_async_v3(self, stream_handle):
        return self._execute(self._places, stream_handle)

    def _execute(self, places, stream):
        assert stream == STREAM
        feeds = {}
        for port, is_input in self._engine._ports:
            if is_input:
                wanted = KINDS[port.type.tensor_type.elem_type][1]
                given = _numpy(self._engine._kind(port.name))
                shape = self._shapes.get(port.name) or self._engine._built(port)
                size = int(np.prod(shape)) * np.dtype(given).itemsize
                data = np.frombuffer(GPU.read(places[port.name], size), given)
                feeds[port.name] = data.reshape(shape).astype(wanted)
        outputs = [port.name for port, is_input in self._engine._ports if not is_input]
        for name, data in zip(outputs, self._session.run(outputs, feeds)):
            kind = _numpy(self._engine._kind(name))
            skewed = data * DEVICE["skew"] if data.dtype.kind == "f" else data
            GPU.write(places[name], np.ascontiguousarray(skewed.astype(kind)).tobytes())
        return True


def _layer(kind, name, before, after):
    ends = [[{"Name": f"{name}.{side}", "Dimensions": [1, 8], "Format/Datatype": told}]
            for side, told in (("in", before), ("out", after))]  # fmt: skip
    return {"Name": name, "LayerType": kind, "Inputs": ends[0], "Outputs": ends[1]}


def _numpy(kind):
    return next(dtype for name, dtype in KINDS.values() if name == kind)


CLASSES = (Runtime, ICudaEngine, EngineInspector, IExecutionContext)
