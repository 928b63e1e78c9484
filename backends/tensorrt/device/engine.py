"""An engine that runs: bindings by number before TensorRT 8.5, tensors by name since."""

from typing import Any, Dict, Optional, Tuple

from mcompile.backends.tensorrt.device.arrays import np
from mcompile.backends.tensorrt.device.cuda import Cuda
from mcompile.backends.tensorrt.device.faults import CONTRACT, MISMATCH, REFUSED, KitError
from mcompile.backends.tensorrt.device.layers import Layers, from_inspector

NUMPY_TYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}


class Bindings:
    """Inputs and outputs as TensorRT 8.0 to 8.4 numbers them."""

    def __init__(self, engine: Any, context: Any) -> None:
        self._engine = engine
        self._context = context
        self.names = [engine.get_binding_name(i) for i in range(engine.num_bindings)]

    def is_input(self, name: str) -> bool:
        return bool(self._engine.binding_is_input(self.names.index(name)))

    def dtype(self, name: str) -> str:
        return str(self._engine.get_binding_dtype(self.names.index(name)).name)

    def set_shape(self, name: str, shape: Tuple[int, ...]) -> bool:
        number = self.names.index(name)
        built = tuple(self._engine.get_binding_shape(number))
        if -1 not in built:
            return built == shape
        return bool(self._context.set_binding_shape(number, shape))

    def shape(self, name: str) -> Tuple[int, ...]:
        return tuple(self._context.get_binding_shape(self.names.index(name)))

    def start(self, places: Dict[str, int], stream: int) -> bool:
        bindings = [places[name] for name in self.names]
        return bool(self._context.execute_async_v2(bindings=bindings, stream_handle=stream))


class Tensors:
    """Inputs and outputs as TensorRT 8.5 and later name them."""

    def __init__(self, trt: Any, engine: Any, context: Any) -> None:
        self._input = trt.TensorIOMode.INPUT
        self._engine = engine
        self._context = context
        self.names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]

    def is_input(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == self._input)

    def dtype(self, name: str) -> str:
        return str(self._engine.get_tensor_dtype(name).name)

    def set_shape(self, name: str, shape: Tuple[int, ...]) -> bool:
        built = tuple(self._engine.get_tensor_shape(name))
        if -1 not in built:
            return built == shape
        return bool(self._context.set_input_shape(name, shape))

    def shape(self, name: str) -> Tuple[int, ...]:
        return tuple(self._context.get_tensor_shape(name))

    def start(self, places: Dict[str, int], stream: int) -> bool:
        for name, address in places.items():
            self._context.set_tensor_address(name, address)
        return bool(self._context.execute_async_v3(stream_handle=stream))


class Engine:
    """A plan on GPU 0. `run` takes arrays and gives arrays, with the copies to and from the GPU."""

    def __init__(self, trt: Any, cuda: Cuda, plan: bytes, log: Any) -> None:
        self._cuda = cuda
        self._places: Dict[str, Tuple[int, int]] = {}
        self._trt = trt
        self._runtime = trt.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        context = self._engine.create_execution_context() if self._engine is not None else None
        if context is None:
            said = log.errors[-1] if log.errors else "it does not say why"
            raise KitError(
                CONTRACT,
                f"TensorRT {trt.__version__} does not load the engine: {said}",
                cuda.name(),
                "build it again here: python3 build_engine.py",
            )
        self._context = context
        self._log = log
        named = hasattr(self._engine, "num_io_tensors")
        self._io: Any = (
            Tensors(trt, self._engine, context) if named else Bindings(self._engine, context)
        )

    def run(self, feeds: Dict[str, Any]) -> Dict[str, Any]:
        """The outputs by name for the inputs by name, each in the type that the engine has."""
        names = self._io.names
        inputs = [name for name in names if self._io.is_input(name)]
        if sorted(inputs) != sorted(feeds):
            told = f"the engine's inputs are {sorted(inputs)}, and {sorted(feeds)} were given"
            raise KitError(CONTRACT, told, self._cuda.name(), "copy the kit again")
        for name in inputs:
            data = _converted(name, feeds[name], NUMPY_TYPES.get(self._io.dtype(name)))
            if not self._io.set_shape(name, data.shape):
                told = f"the engine takes no {name} of shape {data.shape}"
                raise KitError(CONTRACT, told, self._cuda.name(), "copy the kit again")
            self._cuda.upload(self._place(name, data.nbytes), data)
        outputs = {name: self._empty(name) for name in names if name not in inputs}
        places = {name: self._places[name][0] for name in names}
        if not self._io.start(places, self._cuda.stream()):
            said = self._log.errors[-1] if self._log.errors else "it does not say why"
            raise KitError(MISMATCH, f"the engine does not run: {said}", self._cuda.name())
        self._cuda.wait()
        for name, data in outputs.items():
            self._cuda.download(data, self._places[name][0])
        return outputs

    def layers(self) -> Optional[Layers]:
        """In which precisions the layers compute; None where TensorRT does not tell: before 8.2."""
        if not hasattr(self._engine, "create_engine_inspector"):
            return None
        inspector = self._engine.create_engine_inspector()
        inspector.execution_context = self._context
        told = inspector.get_engine_information(self._trt.LayerInformationFormat.JSON)
        try:
            return from_inspector(told)
        except ValueError:
            return None

    def close(self) -> None:
        """Give the GPU's memory back."""
        for address, _ in self._places.values():
            self._cuda.free(address)
        self._places = {}
        self._io = self._context = self._engine = self._runtime = None

    def _empty(self, name: str) -> Any:
        kind = NUMPY_TYPES.get(self._io.dtype(name))
        shape = self._io.shape(name)
        if kind is None or any(size < 0 for size in shape):
            told = f"a type that numpy has not: {self._io.dtype(name)}"
            if kind is not None:
                told = f"a size that depends on the data: {shape}"
            fix = "a kit whose outputs have sizes and types of their own"
            raise KitError(REFUSED, f"the output {name} has {told}", self._cuda.name(), fix)
        data = np.empty(shape, np.dtype(kind))
        self._place(name, data.nbytes)
        return data

    def _place(self, name: str, size: int) -> int:
        held = self._places.get(name)
        if held is not None and held[1] >= size:
            return held[0]
        if held is not None:
            self._cuda.free(self._places.pop(name)[0])
        try:
            address = self._cuda.allocate(size)
        # Each binding has an error of its own for this.
        except Exception as error:
            told = f"{size / 1e6:.1f} MB of GPU memory for {name} are not to be had: {error}"
            fix = "end other programs on the GPU"
            raise KitError(CONTRACT, told, self._cuda.name(), fix) from error
        self._places[name] = (address, size)
        return address


def _converted(name: str, data: Any, kind: Optional[str]) -> Any:
    """The array in C order and of the engine's type; int64 is int32 to TensorRT before 10."""
    if kind is None:
        told = f"the input {name} has a type that numpy has not"
        raise KitError(REFUSED, told, "GPU 0", "a kit whose inputs are float32 or integers")
    changed: Any = np.ascontiguousarray(data, np.dtype(kind)).reshape(data.shape)
    if data.dtype.kind in "iu" and data.dtype != kind and not np.array_equal(changed, data):
        told = f"values of {name} do not fit into {kind}, which the engine takes"
        raise KitError(CONTRACT, told, "golden.npz", "golden inputs within 32 bits")
    return changed
