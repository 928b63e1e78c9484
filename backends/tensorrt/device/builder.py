"""An engine built with whatever the API of this TensorRT offers, 8.0 to 11."""

import re
from typing import Any, NamedTuple, Optional

from mcompile.backends.tensorrt.device.calibration import calibrator, table
from mcompile.backends.tensorrt.device.faults import CONTRACT, REFUSED, USAGE, KitError
from mcompile.backends.tensorrt.device.kit import Kit
from mcompile.backends.tensorrt.device.parsing import parse


class Wish(NamedTuple):
    """How to build: in which workspace, from Q/DQ pairs or a calibration table, on which DLA."""

    workspace_mb: float
    implicit: bool = False
    dla: Optional[int] = None
    timing: bytes = b""


class Built(NamedTuple):
    """The plan, the timing cache as it is after the build, and how the network was typed."""

    plan: bytes
    timing: bytes
    mode: str


def build(trt: Any, kit: Kit, wish: Wish, log: Any) -> Built:
    """The serialized engine of the kit's model, or a `KitError` with what TensorRT said."""
    check_wish(trt, kit, wish)
    strong = typed_strongly(trt, wish)
    builder = trt.Builder(log)
    network = builder.create_network(_network_flags(trt, strong))
    source = kit.float_model if wish.implicit else kit.model
    parser = parse(trt, network, kit.path(str(source)), log)
    config = builder.create_builder_config()
    _limit_workspace(trt, config, wish.workspace_mb)
    if kit.precision == "fp32":
        # Ten bits of mantissa are not what fp32 says.
        config.clear_flag(trt.BuilderFlag.TF32)
    if not strong:
        _set_precision(trt, builder, config, kit)
    held = _calibrate(trt, config, kit) if wish.implicit else None
    _set_profiles(builder, config, kit, wish)
    if wish.dla is not None:
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = wish.dla
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    verbosity = trt.ProfilingVerbosity
    config.profiling_verbosity = getattr(verbosity, "DETAILED", None) or verbosity.VERBOSE
    # A cache that is damaged is none; one of another device is not used either.
    timing = config.create_timing_cache(wish.timing) or config.create_timing_cache(b"")
    config.set_timing_cache(timing, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise refusal(trt, kit, wish, log)
    if held is not None and held.asked:
        raise KitError(
            CONTRACT,
            f"TensorRT {trt.__version__} did not take the calibration table",
            kit.path(str(kit.calibration)),
            "build without --implicit",
        )
    del parser
    mode = "implicit" if wish.implicit else "strongly-typed" if strong else "explicit"
    return Built(bytes(plan), bytes(config.get_timing_cache().serialize()), mode)


def check_wish(trt: Any, kit: Kit, wish: Wish) -> None:
    """Nothing where this kit and this TensorRT can be built so, else an error."""
    if wish.implicit and not (kit.float_model and kit.calibration):
        told = "the kit has no calibration table: it is not INT8, or for TensorRT 11"
        raise KitError(USAGE, told, "--implicit", "leave --implicit out")
    if wish.implicit and not hasattr(trt, "IInt8EntropyCalibrator2"):
        told = f"TensorRT {trt.__version__} has no calibrators"
        raise KitError(USAGE, told, "--implicit", "leave --implicit out")
    if wish.dla is None:
        return
    if not 0 <= wish.dla < kit.dla_cores:
        cores = f"{kit.dla_cores} DLA cores" if kit.dla_cores else "no DLA"
        raise KitError(USAGE, f"a {kit.target} has {cores}", "--dla", "leave --dla out")
    if kit.precision == "fp32":
        told = "a DLA computes in fp16 and INT8 only"
        raise KitError(USAGE, told, "--dla", "a kit of --precision fp16 or int8")
    if kit.precision == "int8" and not wish.implicit and hasattr(trt, "IInt8EntropyCalibrator2"):
        told = f"a DLA takes no Q/DQ pairs from TensorRT {trt.__version__}"
        raise KitError(USAGE, told, "--dla", "--dla with --implicit")


def typed_strongly(trt: Any, wish: Wish) -> bool:
    """Whether the graph's own types decide: from TensorRT 10 on, but for calibration and DLAs.

    From 11 on there is no other way, whether the flag is given or not.
    """
    if not hasattr(trt.BuilderFlag, "FP16"):
        return True
    weak = wish.implicit or wish.dla is not None
    return hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED") and not weak


def refusal(trt: Any, kit: Kit, wish: Wish, log: Any) -> KitError:
    """The error for a build that gave nothing, of what TensorRT said meanwhile."""
    said = " ".join(" ".join(log.errors).split())
    last = " ".join(log.errors[-1].split()) if log.errors else "it does not say why"
    if re.search(r"(?i)out of memory|OutOfMemory|insufficient memory|cudaErrorMemory", said):
        return KitError(
            CONTRACT,
            f"the device ran out of memory: {last}",
            kit.path(kit.model),
            f"--workspace {wish.workspace_mb / 2:.0f}, and end other programs",
        )
    node = re.search(r"implementation for node (.+?)\.(?:\s|$)", said)
    return KitError(
        REFUSED,
        f"TensorRT {trt.__version__} does not build the network: {last}",
        kit.path(kit.model) + (f", node {node.group(1)}" if node else ""),
        "a larger --workspace, a newer TensorRT, or a kit of another --precision",
    )


def _network_flags(trt: Any, strong: bool) -> int:
    # Explicit batches are a choice in 8, the only way in 10, and their flag is gone in 11.
    names = ["EXPLICIT_BATCH"] + (["STRONGLY_TYPED"] if strong else [])
    flags = trt.NetworkDefinitionCreationFlag
    return sum(1 << int(getattr(flags, name)) for name in names if hasattr(flags, name))


def _limit_workspace(trt: Any, config: Any, megabytes: float) -> None:
    size = int(megabytes * 1e6)
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
    else:
        config.max_workspace_size = size


def _set_precision(trt: Any, builder: Any, config: Any, kit: Kit) -> None:
    if kit.precision == "int8" and not builder.platform_has_fast_int8:
        told = "this GPU has no INT8 arithmetic, and the kit is INT8"
        raise KitError(CONTRACT, told, kit.target, "a kit of --precision fp16")
    if kit.precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)
    if kit.precision in ("int8", "fp16"):
        config.set_flag(trt.BuilderFlag.FP16)


def _calibrate(trt: Any, config: Any, kit: Kit) -> Any:
    with open(kit.path(str(kit.calibration)), "rb") as file:
        held = calibrator(trt, table(trt.__version__, file.read()))
    config.int8_calibrator = held
    return held


def _set_profiles(builder: Any, config: Any, kit: Kit, wish: Wish) -> None:
    if not kit.profiles:
        return
    profile = builder.create_optimization_profile()
    for name, sizes in kit.profiles.items():
        profile.set_shape(name, sizes["min"], sizes["opt"], sizes["max"])
    config.add_optimization_profile(profile)
    if wish.implicit:
        config.set_calibration_profile(profile)
