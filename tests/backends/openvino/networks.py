"""Small networks with Q/DQ pairs, as OpenVINO's converter reads them."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("openvino")

from mcompile.backends.openvino import conversion
from mcompile.backends.openvino.vendor import ov
from mcompile.graph import infer_shapes, parse

FLOAT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "LP_TRANSFORMS_MODE": "NO",
}
"""Every op as it is written, with nothing moved on to integers."""


def program(body, constants=None, signature="(float[1,2,6,6] x) => (float[1,2,6,6] y)", opset=17):
    """The program of that text; s, z are a scale and zero point, t, u others, unless given."""
    held = {"s": np.float32(0.02), "z": np.uint8(100), "t": np.float32(0.03), "u": np.uint8(7)}
    held |= constants or {}
    used = {n: a for n, a in held.items() if n in re.findall(r"\w+", body)}
    text = f'<ir_version: 10, opset_import: ["": {opset}]> net {signature} {{ {body} }}'
    made = parse(text, used)
    infer_shapes(made)
    return made


def pair(source, to, params="s, z"):
    """A Q/DQ pair, as text."""
    return f"{to}q = QuantizeLinear({source}, {params}) {to} = DequantizeLinear({to}q, {params})\n"


def count(model) -> Counter[str]:
    """How many nodes there are of each type, constants and ports left out."""
    left_out = {"Constant", "Parameter", "Result"}
    return Counter(t for n in model.get_ordered_ops() if (t := n.get_type_name()) not in left_out)


def run(model, feeds, settings):
    """What OpenVINO computes of it on the processor, by the order of the outputs."""
    return [*ov.Core().compile_model(model, "CPU", settings)(feeds).values()]


def both(given):
    """The model as it is converted, and as it is rewritten."""
    one, two = conversion.converted(given), conversion.converted(given)
    conversion.rewrite(two)
    return one, two


def assert_equal(given, rtol=1e-6, seed=0, settings=FLOAT):
    """Both forms compute the same numbers; returns the rewritten one."""
    one, two = both(given)
    rng = np.random.default_rng(seed)
    feeds = {
        p.name: (3 * rng.standard_normal([d if isinstance(d, int) else 2 for d in p.shape])).astype(
            p.dtype
        )
        for p in given.inputs
    }
    wanted, got = (run(m, feeds, settings) for m in (one, two))
    assert len(wanted) == len(got)
    for want, have in zip(wanted, got, strict=True):
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol * np.abs(want).max(initial=0))
    return two
