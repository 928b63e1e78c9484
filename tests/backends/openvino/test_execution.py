"""The types that kernels compute in."""

import pytest

pytest.importorskip("openvino")

from mcompile.backends.openvino.execution import computes_in


@pytest.mark.parametrize(
    ("kernel", "precision"),
    [("brgconv_avx512_I8", "int8"), ("jit_gemm_FP32", ""), ("ref_any", ""), ("undef", ""), ("", ""),
     ("convolution_gpu_bfyx_f16__f16", "fp16"), ("brgemm_avx512_amx_bf16", "bf16")],
)  # fmt: skip
def test_a_kernel_that_does_not_tell_is_not_guessed_at(kernel, precision):
    assert computes_in(kernel) == precision
