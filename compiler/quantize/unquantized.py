"""Which layers may be left float: those that are noisiest alone, and those nearest to the input.

The latter keep one unbroken float stretch, which costs fewest conversions. Noise is never added
up: errors of layers cancel, and a file with more float layers may be the worse one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.quantize.alone import noise_alone
from mcompile.quantize.recipe import Aim, Recipe
from mcompile.types import Feeds, QuantPlan

COUNTS = (2, 4, 8, 12)
FURTHER = (16, 24, 32, 48)
_RANKED, _RUNS = 5, 200
"""Samples that layers are ranked on, and runs of single layers that this may take in all."""


class Floats:
    """Sets of layers to leave float, from the noise that each makes alone in the plan."""

    def __init__(self, recipe: Recipe, plan: QuantPlan, feeds: Sequence[Feeds], aim: Aim) -> None:
        self._recipe, self._plan, self._aim = recipe, plan, aim
        samples = max(1, min(_RANKED, _RUNS // max(1, len(plan.tensors))))
        self.noise: Mapping[str, float] = noise_alone(
            recipe.program, plan, recipe.scheme, feeds[:samples],
            threads=recipe.threads, stop=aim.stop,
        )  # fmt: skip

    def sets(self) -> Iterator[dict[str, tuple[str, ...]]]:
        """Ever more layers, in one set or two of the same size, each with how it was chosen."""
        ranked = sorted(self.noise, key=lambda n: self.noise[n])
        known: set[frozenset[str]] = set()
        for count in (*COUNTS, *(FURTHER if self._aim.thorough else ())):
            if count >= len(ranked):
                break
            both = {"noisiest": ranked[:count], "first": list(self.noise)[:count]}
            new = {}
            for how, names in both.items():
                if frozenset(names) not in known:
                    known.add(frozenset(names))
                    new[f"the {count} {how} layers float"] = tuple(names)
            yield new

    def plan(self, kept: Collection[str]) -> QuantPlan:
        """The plan with those layers float, which says of each what it would have cost."""
        found = self._recipe.plan(kept)
        reasons = {
            name: f"float: {index} of {len(kept)}, its noise alone {self.noise[name]:.1f} dB"
            for index, name in enumerate(sorted(kept, key=lambda n: self.noise[n]), 1)
        }
        return replace(found, left_float={**self._plan.left_float, **found.left_float, **reasons})

    def cost(self, kept: Collection[str]) -> float:
        """Products that are made in float, over the calibration data."""
        nodes = {name_of(n.outputs[0]): n for n in self._recipe.program.graph.graph}
        return sum(self._products(nodes[name]) for name in kept)

    def _products(self, node: ir.Node) -> float:
        weight, out = node.inputs[1], self._recipe.ranges.get(name_of(node.outputs[0]))
        if weight is None or weight.const_value is None:
            return 0.0
        made = weight.const_value.shape.numpy()[-1 if node.op_type == "MatMul" else 0]
        places = float(out.counts.sum()) if out is not None else float(made)
        return places * weight.const_value.size / max(1, made)
