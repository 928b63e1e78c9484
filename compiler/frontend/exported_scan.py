"""What loading an exported program (`.pt2`) would do beyond building a graph.

PyTorch's loader evaluates text from the file: symbolic sizes go through `sympy.sympify` (which is
`eval`), guards through `exec`, node names into generated Python source, targets through `getattr`
from `torch`. It unpickles objects, and opens compiled libraries. Everything below is an
allow-list of what the exporter itself writes; the rest is named and refused.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from mcompile.frontend.archive import Members, saved_imports

_PLAIN = re.compile(r"[\w.\-]*")
_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision|higher_order|prim)"
    r"(\.(?!__)\w+|\.__([ir]?(and|or|xor|lshift|rshift))__)(\.(?!__)\w+)?"
    r"|torch\.(sym|_sym)_[a-z]+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|getitem|eq|ne|lt|le|gt|ge"
    r"|and_|or_|xor|not_|lshift|rshift)"
    r"|math\.[a-z]\w*"
)
REACHING = frozenset({"from_file", "save", "load", "load_library", "_print"})
"""Operators of PyTorch that read or write files, or leave the model in some other way."""

_FREE_TEXT = frozenset(
    {"stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node", "custom"}
    | {"as_string", "as_operator", "torch_version", "doc", "serialization_id"}
)
_TREES = frozenset({"in_spec", "out_spec"})
_CONTAINERS = re.compile(r"(builtins\.(tuple|list|dict)|collections\.OrderedDict)?")
_SYMPY = frozenset(
    "Symbol Integer Float Rational Add Mul Pow Mod Max Min Abs Not And Or Eq Ne Lt Le Gt Ge"
    " Equality Unequality StrictLessThan LessThan StrictGreaterThan GreaterThan Piecewise"
    " ExprCondPair Tuple floor ceiling FloorDiv ModularIndexing CleanDiv CeilDiv IntTrueDiv"
    " FloatTrueDiv PythonMod PowByNatural FloatPow TruncToInt TruncToFloat RoundToInt"
    " RoundDecimal ToFloat Where Identity LShift RShift BitwiseFn_bitwise_and"
    " BitwiseFn_bitwise_or OpaqueUnaryFn_sqrt Function".split()
)
_GUARD_CALLS = frozenset("size stride storage_offset isnan floor ceil sqrt trunc min max".split())
_ARITHMETIC = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def refused(members: Members, label: str) -> Iterator[str]:
    """What in the archive is not plain data, in words; nothing where all of it is."""
    for name in members:
        if name.startswith("data/aotinductor/"):
            yield f"{name} (compiled code)"
        elif re.search(r"(^|/)(custom|opaque)_obj_", name):
            yield f"{name} (a pickled object)"
        elif name.endswith(".pt"):
            data = members[name]
            if data:
                yield from (f"{i} ({name})" for i in saved_imports(data, label))
        elif name.endswith(".json"):
            yield from (f"{found} ({name})" for found in _document(members[name]))


def _document(data: bytes) -> Iterator[str]:
    try:
        yield from _walk(json.loads(data), "")
    except (ValueError, RecursionError):
        yield "text that is not JSON"


def _walk(value: object, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not _PLAIN.fullmatch(name):
                yield f"the name {name!r}"
            # Configurations map a weight to its file; a name of ours cannot hide in one.
            yield from _walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, key)
    elif isinstance(value, str) and not _harmless(value, key):
        yield f"{key} {value[:80]!r}"
    elif key == "use_pickle" and value is True:
        yield "a pickled tensor"


def _harmless(text: str, key: str) -> bool:
    if key == "target":
        return bool(_TARGET.fullmatch(text)) and not REACHING & set(text.split("."))
    if key == "expr_str":
        return _only(text, _is_size)
    if key == "guards_code":
        return _only(text, _is_guard)
    if key in _TREES:
        return _is_tree(text)
    return key in _FREE_TEXT or bool(_PLAIN.fullmatch(text))
