"""TensorFlow Lite Micro: the int8 specification of LiteRT, and the ops its kernels have.

Source: `tflite-micro`, `tensorflow/lite/micro/micro_mutable_op_resolver.h` and the `Prepare` of
each kernel there. Against LiteRT's table:
- FULLY_CONNECTED takes one weight scale or one by output, after the version: one is safe;
- Gather, the reductions and LogSoftmax are as in LiteRT; HARD_SWISH and L2_NORMALIZATION too.
Kernels are bit for bit LiteRT's reference kernels, so sums become codes in the same way.
"""

from mcompile.schemes.litert import LITERT_INT8

MICROCONTROLLER = LITERT_INT8
"""int8 on Cortex-M and the like."""
