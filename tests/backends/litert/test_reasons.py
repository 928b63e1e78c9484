"""What the runtime refuses is said without its own files."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.reasons import reason, way_out


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("tflite/kernels/pad.cc Pad output size overflowed.Node number 1 (PAD) failed", "larger"),
        ("Found too many dimensions in the input array of operation 'reshape'.", "many axes"),
        ("tflite/kernels/activations.cc:479 output->params.scale == 1. / 256 was not", "scales"),
        ("kernel_util.cc:240 input->type == kTfLiteInt8 || input->type == kTf", "these types"),
        ("reshape_utils.h num_input_elements != num_output_elements (8 != 9)", "do not fit"),
    ],
)
def test_what_is_known_is_put_into_words(told, words):
    assert words in reason(told)
    assert "kernels/" not in reason(told)


def test_what_is_not_known_keeps_its_words_and_loses_the_files():
    told = "./tflite/kernels/odd.cc:12 it is odd that Node number 3 (ODD) failed to prepare."
    assert reason(told) == "it is odd that"
    assert reason("x.y/z.cc:1 ") != ""


def test_a_free_size_is_named_where_it_is_the_matter():
    told = "reshape_utils.h num_input_elements != num_output_elements (8 != 9)"
    assert "free" in reason(told, free=True)
    assert "free" not in reason(told)
    assert "larger" in reason("size overflowed", free=True)


def test_what_is_too_large_is_made_smaller():
    assert "smaller" in way_out(reason("size overflowed"))
    assert "LoweringError" in way_out(reason("something else"))
