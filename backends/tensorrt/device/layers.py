"""In which precision an engine's layers compute, as TensorRT itself tells.

From 8.2 on its engine inspector says it, before only lines of the builder's log. Layers that only
move or convert data (Reformat, NoOp, Constant) are not counted. The weights' type decides, then
the kernel's name; else integers on both sides, or on the input of a layer with weights.
"""

import json
import re
from typing import Any, Dict, List, NamedTuple, Sequence

MOVES = ("Reformat", "NoOp", "Constant", "reformat", "signal", "wait", "shape_call")
PRECISIONS = {
    "int8": "int8",
    "half": "fp16",
    "fp16": "fp16",
    "bfloat16": "other",
    "bf16": "other",
    "float": "fp32",
    "fp32": "fp32",
}
INTEGER_KERNELS = re.compile(r"i8i8|s8s8|i8816|int8x|_int8_|imma", re.IGNORECASE)
WEIGHTED = re.compile(r"dla|conv|gemm|matmul|matrix ?multiply|fully ?connected", re.IGNORECASE)


class Layers(NamedTuple):
    """How many layers compute in each precision; `opaque` ones do not say."""

    int8: int
    fp16: int
    fp32: int
    other: int
    opaque: int

    @property
    def total(self) -> int:
        """All layers that compute."""
        return self.int8 + self.fp16 + self.fp32 + self.other + self.opaque


def from_inspector(text: str) -> Layers:
    """The count from the inspector's JSON of a whole engine; later profiles repeat the first.

    Raises ValueError where it is no JSON.
    """
    # Since 8.6 the metadata hold control characters as they are.
    told = json.loads(text, strict=False).get("Layers", [])
    kinds = []
    for layer in told:
        if not isinstance(layer, dict):
            kinds.append("opaque")
        elif not re.search(r"\[profile +[1-9]", str(layer.get("Name", ""))):
            kinds.append(_kind(layer))
    return _counted(kinds)


def from_log(lines: Sequence[str]) -> Layers:
    """The count from lines such as `Layer(Pooling): p, Tactic: 1, x[Int8(1,8)] -> y[Int8(1,8)]`."""
    return _counted([_line_kind(line) for line in lines])


def _counted(kinds: List[str]) -> Layers:
    return Layers(*(kinds.count(name) for name in Layers._fields))


def _kind(layer: Dict[str, Any]) -> str:
    kind = str(layer.get("LayerType", ""))
    if kind in MOVES:
        return "moved"
    weights = layer.get("Weights")
    if isinstance(weights, dict) and str(weights.get("Type", "")).lower() in PRECISIONS:
        return PRECISIONS[str(weights["Type"]).lower()]
    if INTEGER_KERNELS.search(str(layer.get("TacticName", ""))):
        return "int8"
    ends = [[_type(str(t.get("Format/Datatype", ""))) for t in layer.get(side) or []]
            for side in ("Inputs", "Outputs")]  # fmt: skip
    if kind != "DLA" and (kind == "Myelin" or "ForeignNode" in str(layer.get("Name", ""))):
        return "opaque"
    named = f"{kind} {layer.get('ParameterType', '')}"
    return _decided(ends[0], ends[1], bool(WEIGHTED.search(named)))


def _line_kind(line: str) -> str:
    kind = line[len("Layer(") :].partition(")")[0]
    if kind in MOVES:
        return "moved"
    if kind == "Myelin":
        return "opaque"
    head, _, tail = line.rpartition(" -> ")
    found = [re.findall(r"\b([A-Z][A-Za-z0-9]*)(?=[\[(]-?\d)", side) for side in (head, tail)]
    ends = [[_type(name) for name in side] for side in found]
    return _decided(ends[0], ends[1], bool(WEIGHTED.search(kind)))


def _decided(inputs: List[str], outputs: List[str], weighted: bool) -> str:
    known = [t for t in inputs + outputs if t != "other"]
    if not known:
        return "other"
    if "int8" in inputs and (weighted or set(known) == {"int8"}):
        return "int8"
    floats = [t for t in known if t != "int8"]
    return "fp16" if floats and "fp32" not in floats else "fp32"


def _type(words: str) -> str:
    """The type in `Int8`, `Half`, `Row major linear FP32` or `... row major Int8 format`."""
    for word in words.replace(".", " ").split():
        if word.lower() in PRECISIONS:
            return PRECISIONS[word.lower()]
    return "other"
