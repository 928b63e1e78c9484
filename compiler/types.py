"""The nouns of the compiler: frozen, typed, and without any input or output of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx_ir as ir

Dim = int | str
"""A size, or the name of a dimension that is only known when the model runs."""


@dataclass(frozen=True)
class Port:
    """An input or output: its name, its element type in numpy's spelling, its shape."""

    name: str
    dtype: str
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class Program:
    """A model as the compiler edits it. The graph is mutable, the rest is not."""

    name: str
    graph: ir.Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
    Feeds = Mapping[str, Array]
else:
    Array, Feeds = Any, Mapping


@dataclass(frozen=True)
class Sample:
    """One input of the model (leading axis = batch of one unless the source says otherwise)."""

    feeds: Feeds
    label: Array | None = None
    name: str = ""


@dataclass(frozen=True)
class Samples:
    """A stream of samples that can be read again from the start; never held in memory whole."""

    source: str
    open: Callable[[], Iterator[Sample]]
    count: int | None = None

    def __iter__(self) -> Iterator[Sample]:
        return self.open()


@dataclass(frozen=True)
class Scheme:
    """What a runtime's integer arithmetic is, as data.

    `weighted` ops take an integer weight from a constant; of these, `closed` ones run on integers
    only when their output is one too, and `absorbed` ops vanish into a closed one before them.
    `carried` ops do when their inputs and readers do; `same_scale` ones need one scale for inputs
    and output. `read_only` ops are worth integers that they read, and hand on float; `never` are
    ops that stay float. With `integer_only` every op computes on integers, and `fixed` gives an
    output's scale and zero point. `single` ops have one weight scale for all channels, `paired`
    ones multiply two computed values as well. `pair_saturates`: adjacent u8*s8 products are summed
    in a saturating int16 (`vpmaddubsw`, x86 without VNNI). `bias`: its type, "float32" where it
    stays real. `requantize` makes a sum a code: "float" by a float32 and rounding half to even,
    "fixed" by a 31-bit multiplier, a shift, and rounding half away from zero. `least_channels`,
    `skips_vectors` and `one_branch` leave float what gains nothing: convolutions of fewer channels,
    products with vectors, a convolution's branch of a sum. Without `stores_weights` files hold real
    weights, each behind a QuantizeLinear. With `fills_in` the runtime puts float layers between
    integer ones on integers; `rest`: float's type. With `rescales` codes are brought to one scale.
    """

    activations: str
    weights: str
    per_channel: bool = True
    symmetric_activations: bool = False
    pair_saturates: bool = False
    weighted: frozenset[str] = frozenset({"Conv", "Gemm", "MatMul"})
    closed: frozenset[str] = frozenset({"Conv"})
    absorbed: frozenset[str] = frozenset({"Relu", "Clip"})
    carried: frozenset[str] = frozenset()
    same_scale: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    integer_only: bool = False
    fixed: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    paired: frozenset[str] = frozenset()
    bias: str = "int32"
    requantize: str = "float"
    least_channels: int = 0
    skips_vectors: bool = False
    one_branch: bool = False
    stores_weights: bool = True
    fills_in: bool = True
    rest: str = "float32"
    rescales: bool = False


@dataclass(frozen=True)
class QParams:
    """real = scale * (integer - zero_point); vectors along `axis`, scalars when it is None."""

    scale: Array
    zero_point: Array
    dtype: str
    axis: int | None = None


@dataclass(frozen=True)
class Divided:
    """Divisors, float64, of the channels that run through `value`; its layers make up for them.

    With `readers`, only what those read of it is divided, by a Mul of its own."""

    value: str
    by: Array
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changed:
    """How a program was changed before it was planned, in words and in steps to do it again."""

    how: str
    steps: tuple[Divided, ...]


@dataclass(frozen=True)
class QuantPlan:
    """Which tensors become integers and how, and for every one left float, why.

    `shifts` is what is added to the bias that goes into the value of that name, per channel.
    `codes` are the integers of weights that are not simply the nearest ones, by the weight's name.
    `changed` is what was done to the program before; names are those of the changed one.
    """

    tensors: Mapping[str, QParams]
    left_float: Mapping[str, str]
    shifts: Mapping[str, Array] = field(default_factory=dict)
    codes: Mapping[str, Array] = field(default_factory=dict)
    changed: Changed | None = None


class Precision(str, Enum):
    """What the numbers of an artifact are."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"
    INT8_DYNAMIC = "int8-dynamic"
    INT8_WEIGHTS = "int8-weights"
    INT4_WEIGHTS = "int4-weights"
    INT16X8 = "int16x8"


class Provenance(str, Enum):
    """Where a number comes from. Nothing predicted is ever shown as if measured."""

    MEASURED = "measured"
    SIMULATED = "simulated"
    PREDICTED = "predicted"
    STATED = "stated"


@dataclass(frozen=True)
class Measured:
    """A number with its unit and provenance; `low`..`high` is the interval of a prediction.

    `device` names what a measured number was measured on. Where `counts` is false the number
    informs but proves nothing, and `doubt` says why: another device than the profile's, say.
    """

    name: str
    value: float
    unit: str
    provenance: Provenance = Provenance.MEASURED
    low: float | None = None
    high: float | None = None
    device: str = ""
    counts: bool = True
    doubt: str = ""
    note: str = ""


class Verdict(str, Enum):
    """What a check came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Check:
    """One row of the judgement: a limit, what was found, and what follows."""

    name: str
    limit: float | None
    measured: Measured | None
    verdict: Verdict
    hard: bool = True
    because: str = ""
    advice: str = ""


@dataclass(frozen=True)
class File:
    """A file of an artifact, relative to its folder."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Contract:
    """What a machine must have to run an artifact."""

    runtime: str
    version: str
    arch: str = ""
    isa: tuple[str, ...] = ()
    opset: int | None = None


@dataclass(frozen=True)
class Artifact:
    """What a backend wrote: the files that run, and what they need."""

    backend: str
    precision: Precision
    files: tuple[File, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    contract: Contract
    tools: Mapping[str, str] = field(default_factory=dict)
