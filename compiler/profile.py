"""The nouns of a target profile: what a device is, what it may be given, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcompile.types import Precision


@dataclass(frozen=True)
class Legality:
    """Whether a device may be given a precision, why, and who says so."""

    status: Literal["native", "emulated", "falls_back", "illegal"]
    falls_back_to: Precision | None = None
    because: str = ""
    source: str = ""


@dataclass(frozen=True)
class Device:
    """Facts of a machine; a fact nobody could source is absent rather than guessed."""

    arch: str
    isa: tuple[str, ...] = ()
    isa_without: tuple[str, ...] = ()
    cores: int | None = None
    clock_ghz: float | None = None
    memory_mb: float | None = None
    bandwidth_gbps: float | None = None
    fp32_gflops: float | None = None
    fp16_gflops: float | None = None
    int8_gops: float | None = None
    power_w: float | None = None
    idle_w: float | None = None
    price_usd: float | None = None
    usd_per_hour: float | None = None
    compute_capability: str | None = None
    dla_cores: int | None = None
    power_modes_w: tuple[float, ...] = ()
    flash_kb: float | None = None
    ram_kb: float | None = None


@dataclass(frozen=True)
class Runtime:
    """What the device runs: pins and caps that an artifact must respect.

    `ports` is what inputs and outputs are in the file, `int8` where the device computes on integers
    throughout. `tensorflow` is the oldest TensorFlow Lite that the file may meet. `image` is a
    container image that holds the runtime, as name and tag without a registry.
    """

    versions: str = ""
    max_opset: int | None = None
    max_ir_version: int | None = None
    threads: int | None = None
    ports: Literal["", "float", "int8"] = ""
    tensorflow: str = ""
    image: str = ""


@dataclass(frozen=True)
class Alternative:
    """A further runtime of a device: its pins, and what the device may be given in it."""

    runtime: Runtime
    legality: Mapping[Precision, Legality]


@dataclass(frozen=True)
class Budgets:
    """Limits an artifact must hold; a name in `soft` informs and does not fail the build."""

    size_mb: float | None = None
    memory_peak_mb: float | None = None
    latency_p50_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    throughput_qps: float | None = None
    fps: float | None = None
    power_w: float | None = None
    energy_mj: float | None = None
    accuracy_min: float | None = None
    accuracy_drop_pp: float | None = None
    agreement_min: float | None = None
    sqnr_db_min: float | None = None
    stability_std_max: float | None = None
    error_rate_max: float | None = None
    cost_usd_per_day: float | None = None
    macs_g: float | None = None
    params_m: float | None = None
    flash_kb: float | None = None
    ram_kb: float | None = None
    arena_kb: float | None = None
    soft: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Target:
    """A parsed profile: what the machine is, what it may be given, and what must hold.

    `runtime` and `legality` are those of `backend`; `others` are further runtimes by their names.
    `ranked_by` is the latency that comes first in the budgets: the faster runtime is so by it.
    """

    name: str
    title: str
    backend: str
    precision: Precision
    device: Device
    runtime: Runtime = Runtime()
    legality: Mapping[Precision, Legality] = field(default_factory=dict)
    budgets: Budgets = Budgets()
    requests_per_day: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Alternative] = field(default_factory=dict)
    ranked_by: str = "latency_p50_ms"
