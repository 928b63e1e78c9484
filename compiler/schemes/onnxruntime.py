"""ONNX Runtime on CPUs: u8 activations, s8 weights by channel, float between layers at no loss.

Sources, all in `microsoft/onnxruntime`:
- weights by channel, zero point 0: `python/tools/quantization`, "U8S8" and `per_channel`;
- a Conv needs Q behind it to become a QLinearConv, a Gemm or MatMul may hand on float, Add,
  AveragePool, Concat and GlobalAveragePool have kernels with a scale for each input and output,
  MaxPool reads and writes the same codes: `optimizer/qdq_transformer/selectors_actions`;
- a Relu between Add or Conv and Q vanishes, as Q cuts at its zero point:
  `optimizer/qdq_transformer/relu_quantizelinear.cc`;
- a float layer between DQ and Q is taken for one whose weight was forgotten:
  `optimizer/qdq_transformer/weight_bias_quantization.cc`;
- sums become codes by a float32 multiplier, rounded half to even: `mlas/lib/quantize.cpp`.

How products are summed is the instruction set's:
- x86 with AVX2 alone: `vpmaddubsw` saturates pairs of u8*s8 products at 16 bits
  (`mlas/lib/amd64/QgemmU8S8KernelAvx2.asm`); with VNNI or AMX sums are exact;
- Arm with dot product (`mlas/lib/qgemm_kernel_udot.cpp`, `_ummla.cpp`): exact;
- Arm without it: u8 kernels widen each product (`qgemm_kernel_neon.cpp`); s8 kernels add two
  products in 16 bits (`aarch64/QgemmS8S8KernelNeon.S`), which only -128 * -128 twice overflows
  (issue 31573), and no weight here is below -127: exact too.
"""

from dataclasses import replace

from mcompile.types import Scheme

ONNXRUNTIME_VNNI = Scheme(
    activations="uint8",
    weights="int8",
    closed=frozenset({"Add", "Conv"}),
    carried=frozenset({"Add", "AveragePool", "Concat", "GlobalAveragePool", "MaxPool"}),
    same_scale=frozenset({"MaxPool"}),
    fills_in=True,
)
"""x86 with AVX-512 VNNI, AVX-VNNI or AMX."""

ONNXRUNTIME_AVX2 = replace(ONNXRUNTIME_VNNI, pair_saturates=True)
"""x86 without them: two adjacent products must not exceed 16 bits."""

ONNXRUNTIME_ARM = ONNXRUNTIME_VNNI
"""Any Armv8, with dot product or without."""
