"""Parsing and building: what TensorRT refuses is refused with its own words."""

import base64
import json
import os
import signal

from stage import DEVICE

from .bound import Bound, majors, name_of

TRT = None


def say(logger, text, severity="ERROR"):
    logger.log(TRT.ILogger.Severity[severity], text)


class IHostMemory(bytes):
    """Bytes of the library's."""

    nbytes = property(len)


class IInt8EntropyCalibrator2(Bound):
    """The base of a user's calibrator, which may hold what it likes."""

    __setattr__ = object.__setattr__

    def __init__(self):
        pass

    def get_algorithm(self):
        return "ENTROPY_CALIBRATION_2"

    def get_batch_size(self):
        raise NotImplementedError("pure virtual")

    def get_batch(self, names):
        raise NotImplementedError("pure virtual")

    def read_calibration_cache(self):
        raise NotImplementedError("pure virtual")

    def write_calibration_cache(self, cache):
        raise NotImplementedError("pure virtual")


class ITimingCache(Bound):
    """How many builds it was through."""

    def __init__(self, data):
        self._builds = int(data[6:] or b"0")

    def serialize(self):
        return IHostMemory(b"timed:%d" % self._builds)


class IOptimizationProfile(Bound):
    """Sizes by input."""

    def __init__(self):
        self._sizes = {}

    def set_shape(self, input, min, opt, max):
        assert len(min) == len(opt) == len(max)
        self._sizes[input] = [list(min), list(opt), list(max)]


class INetworkDefinition(Bound):
    """A graph, once parsed, and its flags."""

    def __init__(self, flags):
        self._flags = flags
        self._model = None

    def _has(self, name):
        flags = TRT.NetworkDefinitionCreationFlag
        return hasattr(flags, name) and bool(self._flags & 1 << int(getattr(flags, name)))


class ParserError(Bound):
    """What is wrong with one node."""

    def __init__(self, number, node, words):
        self._number, self._node, self._words = number, node, words

    def code(self):
        return 8

    def desc(self):
        return self._words

    def node(self):
        return self._number

    def node_name(self):
        return self._node.name

    def node_operator(self):
        return self._node.op_type


class OnnxParser(Bound):
    """Reads ONNX as far as the release goes."""

    def __init__(self, network, logger):
        assert isinstance(network, INetworkDefinition)
        assert isinstance(logger, TRT.ILogger)
        self._network, self._logger, self._errors = network, logger, []

    @property
    def num_errors(self):
        return len(self._errors)

    def get_error(self, index):
        return self._errors[index]

    def parse_from_file(self, model):
        import onnx

        network = self._network
        before_10 = name_of(TRT.__version__).startswith("8.")
        if before_10 and not network._has("EXPLICIT_BATCH"):
            say(self._logger, "network must be created with the EXPLICIT_BATCH flag")
            return False
        try:
            network._model = onnx.load(model)
        except Exception:
            say(self._logger, "ModelImporter.cpp: Failed to parse ONNX model from file")
            return False
        opset = max(o.version for o in network._model.opset_import if o.domain in ("", "ai.onnx"))
        allowed = majors.MAX_OPSET[name_of(TRT.__version__)]
        for number, node in enumerate(network._model.graph.node):
            if node.op_type in DEVICE["refuses"]:
                words = f"No importer registered for op: {node.op_type}. Attempting plugin."
                self._errors.append(ParserError(number, node, words))
                return False
        if opset > allowed:
            node = network._model.graph.node[0]
            self._errors.append(ParserError(0, node, f"opset {opset} is beyond {allowed}"))
            return False
        return True


class IBuilderConfig(Bound):
    """How to build. Properties take what they are given."""

    def __init__(self):
        self._set = {"flags": {"TF32"}, "profiles": []}
        self._pools = {}
        self._timing = None

    def _kept(name):  # noqa: N805
        def read(self):
            return self._set.get(name)

        def write(self, value):
            self._set[name] = value

        return property(read, write)

    max_workspace_size = _kept("max_workspace_size")
    int8_calibrator = _kept("int8_calibrator")
    profiling_verbosity = _kept("profiling_verbosity")
    default_device_type = _kept("default_device_type")
    DLA_core = _kept("DLA_core")
    del _kept

    def set_flag(self, flag):
        assert isinstance(flag, TRT.BuilderFlag)
        self._set["flags"].add(flag.name)

    def clear_flag(self, flag):
        self._set["flags"].discard(flag.name)

    def set_memory_pool_limit(self, pool, pool_size):
        assert isinstance(pool, TRT.MemoryPoolType)
        self._set["max_workspace_size"] = pool_size

    def add_optimization_profile(self, profile):
        self._set["profiles"].append(profile)
        return len(self._set["profiles"]) - 1

    def set_calibration_profile(self, profile):
        self._set["calibration_profile"] = profile
        return True

    def create_timing_cache(self, serialized_timing_cache):
        if serialized_timing_cache and not serialized_timing_cache.startswith(b"timed:"):
            return None
        return TRT.ITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False, "a cache of another device is not to be used"
        self._timing = cache
        return True

    def get_timing_cache(self):
        return self._timing


class Builder(Bound):
    """Builds, or says why not and gives None."""

    def __init__(self, logger):
        assert isinstance(logger, TRT.ILogger)
        self._logger = logger

    @property
    def platform_has_fast_int8(self):
        return DEVICE["int8_hardware"]

    def create_network(self, flags=0):
        return TRT.INetworkDefinition(flags)

    def create_builder_config(self):
        return TRT.IBuilderConfig()

    def create_optimization_profile(self):
        return TRT.IOptimizationProfile()

    def build_serialized_network(self, network, config):
        if DEVICE["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        wrong = DEVICE["fails"] or _wrong(network, config)
        if wrong:
            say(self._logger, wrong)
            return None
        flags = config._set["flags"]
        strong = not hasattr(TRT.BuilderFlag, "FP16") or network._has("STRONGLY_TYPED")
        config._timing._builds += 1
        body = {
            "model": base64.b64encode(network._model.SerializeToString()).decode(),
            "flags": sorted(flags),
            "strong": strong,
            "workspace": config._set["max_workspace_size"],
            "verbosity": config._set["profiling_verbosity"].name,
            "dla": config._set.get("DLA_core"),
            "profile": [p._sizes for p in config._set["profiles"]],
            "calibrated": "calibration_profile" in config._set,
            "implicit": config._set.get("int8_calibrator") is not None,
        }
        lines = TRT.running.log_lines(body)
        say(self._logger, "Engine Layer Information:\n" + "\n".join(lines), "VERBOSE")
        return TRT.IHostMemory(header() + json.dumps(body).encode())


def header():
    """The first 28 bytes; before 8.6 the number of the serialization, since then the version."""
    version = [int(part) for part in TRT.__version__.split(".")][:4]
    told = bytes(version) if tuple(version) >= (8, 6) else bytes(4)
    return b"ftrt" + bytes(20) + told


def _wrong(network, config):
    flags = config._set["flags"]
    strong = network._has("STRONGLY_TYPED")
    quantized = any(n.op_type == "QuantizeLinear" for n in network._model.graph.node)
    free = [
        i.name
        for i in network._model.graph.input
        if any(d.dim_param for d in i.type.tensor_type.shape.dim)
    ]
    told = [set(p._sizes) for p in config._set["profiles"]]
    if strong and flags & {"FP16", "INT8", "BF16", "FP8"}:
        return "a strongly typed network takes no precision flags"
    if quantized and not DEVICE["int8_hardware"]:
        return (
            "Networks with QuantizeLayer/DequantizeLayer layers require hardware with Int8 support"
        )
    weak = hasattr(TRT.BuilderFlag, "INT8") and not strong
    if quantized and weak and "INT8" not in flags:
        return "Int8 precision has not been set in the builder with QuantizeLayers"
    if free and not any(set(free) <= names for names in told):
        return "Network has dynamic or shape inputs, but no optimization profile has been defined."
    if config._set["max_workspace_size"] is None:
        return "no workspace was set"
    held = config._set.get("int8_calibrator")
    return _uncalibrated(network, held) if held is not None and not quantized else ""


def _uncalibrated(network, held):
    """Which tensor has no range; empty where the table is taken. A foreign one is not."""
    numbers = [int(part) for part in TRT.__version__.split(".")][:3]
    digits = numbers[0] * (10000 if numbers[0] >= 10 else 1000) + numbers[1] * 100 + numbers[2]
    lines = bytes(held.read_calibration_cache()).decode().splitlines()
    if lines[0] != f"TRT-{digits}-EntropyCalibration2":
        assert held.get_batch_size() == 1
        if held.get_batch([i.name for i in network._model.graph.input]) is None:
            return "Calibration failure occurred with no scaling factors detected."
    for line in lines[1:]:
        name, _, scale = line.rpartition(": ")
        assert name
        assert len(scale) == 8
        assert int(scale, 16) > 0, line
    return ""


CLASSES = (
    IHostMemory, IInt8EntropyCalibrator2, ITimingCache, IOptimizationProfile, INetworkDefinition,
    ParserError, OnnxParser, IBuilderConfig, Builder,
)  # fmt: skip
