"""TensorRT with explicit quantization: s8 everywhere, zero point 0, pairs on inputs alone.

Sources: NVIDIA, "TensorRT Developer Guide", chapters "Working with Quantized Types" and
"Q/DQ Layer-Placement Recommendations"; Model Optimizer's `modelopt/onnx/quantization`.
- int8, symmetric: "the zero-point is always 0"; activations one scale a tensor, weights one for
  each output channel ("Quantization Schemes");
- Q/DQ on all inputs of weighted layers, none on their outputs, none between a convolution and the
  norm, activation or sum that it fuses with ("Quantize all inputs of weighted-operations", "By
  default, do not quantize the outputs of weighted-operations", "Do not simulate batch-norm and
  ReLU fusions");
- at a residual sum the other branch is quantized, never what the convolution makes: the sum then
  fuses with it and its result can be int8 ("Quantize the residual input in skip-connections");
- pools read integers (the default operator list of Model Optimizer); what a Concat joins shares
  one scale, and the Concat disappears (`qdq_graph.py`, `get_concat_eliminated_tensors`);
- left float, because integer kernels are slower there: products with one row or column,
  convolutions with fewer than 16 channels unless these come in eights (`graph_utils.py`:
  `find_nodes_from_matmul_to_exclude`, `find_nodes_from_convs_to_exclude`), products of two
  computed values, and the inside of LayerNormalization;
- biases stay real: a DequantizeLinear reads int8 only (`onnx-tensorrt`, issue 850).

Model Optimizer also rounds what norms, gates, some activations, sums beside no convolution and
products of two computed values read; here these stay float. `benchmarks/tensorrt_placement.py`
tells every difference by its reason; where both place a pair, and calibrate alike, its scales are
the same numbers.

8.x cannot hold integer weights: they are real constants behind Q and DQ ("invalid weights type of
Int8", 8.0 to 8.2). From 10 on "pre-quantized weights" with a DequantizeLinear alone are read.
"""

from dataclasses import replace

from mcompile.types import Scheme

TENSORRT_10 = Scheme(
    activations="int8",
    weights="int8",
    symmetric_activations=True,
    weighted=frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"}),
    closed=frozenset(),
    absorbed=frozenset(),
    same_scale=frozenset({"Concat", "MaxPool"}),
    read_only=frozenset({"AveragePool", "Concat", "GlobalAveragePool", "MaxPool"}),
    bias="float32",
    least_channels=16,
    skips_vectors=True,
    one_branch=True,
    fills_in=False,
    rest="float16",
)
"""TensorRT 10 and later."""

TENSORRT_8 = replace(TENSORRT_10, stores_weights=False)
"""TensorRT 8.x: operator set 13 suffices, and 8.x reads none above 17."""
