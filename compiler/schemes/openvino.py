"""OpenVINO on Intel CPUs and GPUs, which reads Q/DQ pairs as FakeQuantize.

Sources: OpenVINO, "Low Precision Transformations" (LPT), and its sources under
`src/common/low_precision_transformations`:
- activations u8 or s8 (u8 is what all plugins multiply by s8 weights), weights s8 in -127..127 or
  -128..127 with zero point 0, by output channel: "Quantized operations", `convolution.cpp`,
  `group_convolution.cpp`, `convolution_backprop_data.cpp`, `mat_mul.cpp`;
- Add, AvgPool, Concat and MaxPool hand dequantization on, so that a block stays on integers:
  `add.cpp`, `avg_pool.cpp`, `concat.cpp`, `max_pool.cpp`; a global pool is an AvgPool or a
  ReduceMean (`reduce_mean.cpp`);
- what a Concat joins is aligned to one interval where a layer behind it needs one scale for the
  tensor ("Step 3. Main Transformations"): the plan does it, so nothing is quantized twice;
- the CPU plugin takes an activation and a FakeQuantize behind it into the kernel of a convolution
  (seen in its profile: one kernel for the three): PRelu, LeakyRelu and HardSwish need no integers
  before them. With Sigmoid among them a MobileNetV3-like net lost 0.2 dB;
- MaxPool keeps precision and scale ("precision preserved operations");
- biases stay real: an Add behind the layer that its kernel takes in; an int32 constant behind a
  DequantizeLinear is folded to that real constant.

CPU kernels come from oneDNN: without VNNI they add pairs of products in 16 bits with saturation
(oneDNN, "Nuances of int8 Computations").
"""

from dataclasses import replace

from mcompile.types import Scheme

OPENVINO = Scheme(
    activations="uint8",
    weights="int8",
    weighted=frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"}),
    closed=frozenset({"Add", "Conv", "ConvTranspose"}),
    absorbed=frozenset({"Clip", "HardSwish", "LeakyRelu", "PRelu", "Relu", "Swish"}),
    carried=frozenset({"Add", "AveragePool", "Concat", "GlobalAveragePool", "MaxPool"}),
    same_scale=frozenset({"Concat", "MaxPool"}),
    fills_in=False,
)
"""CPUs with VNNI or AMX, GPUs and NPUs: sums are exact."""

OPENVINO_AVX2 = replace(OPENVINO, pair_saturates=True)
"""CPUs without VNNI."""
