"""What the layers of an engine multiply, by the list that the compiler writes of them.

A line of it: `Name: conv, LayerType: correlation, Inputs: [ { Name: x, .., Datatype: Int8, .. }],
Constants: [..], Outputs: [..], TacticName: ..`. Seen with release 1.7: `correlation` is a
convolution, `gemm` a product of matrices, `runtime_fusion` either with what stands around it; the
rest moves, pools or computes element by element.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_LAYER = re.compile(
    r"LayerType: (?:correlation|gemm|runtime_fusion), Inputs: \[ \{.*?Datatype: (\w+)"
)
_NAMES = {"Int8": "int8", "Half": "fp16", "BFloat16": "bf16", "Float": "fp32"}


def multiplied(listed: str) -> Mapping[str, int]:
    """How many layers multiply numbers of each type, by the first that they read."""
    found: Counter[str] = Counter()
    for kind in _LAYER.findall(listed):
        found[_NAMES.get(kind, kind.lower())] += 1
    return dict(sorted(found.items()))


def described(products: Mapping[str, int]) -> str:
    """The same in words: `36 products of int8, 2 of fp16`."""
    told = [f"{count} of {kind}" for kind, count in products.items()]
    if not told:
        return "no products"
    noun = "product" if products[next(iter(products))] == 1 else "products"
    told[0] = told[0].replace(" ", f" {noun} ", 1)
    return ", ".join(told)
