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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcompile.frontend.archive import Members, saved_imports

_PLAIN = re.compile(r"[\w.\-]*")
_FORMULA = re.compile(r"[\w ()\[\]'.,+\-*/%<>=!~&|]{1,20000}")
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
    | {"as_string", "torch_version"}
)
_CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}
_SIZES = re.compile(
    r"Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|Abs|Not|And|Or|Eq|Ne|Lt|Le|Gt|Ge"
    r"|Equality|Unequality|(Strict)?(Less|Greater)Than|Piecewise|ExprCondPair|Tuple|floor|ceiling"
    r"|FloorDiv|ModularIndexing|CleanDiv|CeilDiv|IntTrueDiv|FloatTrueDiv|PythonMod|PowByNatural"
    r"|FloatPow|TruncToInt|TruncToFloat|RoundToInt|FloorToInt|CeilToInt|RoundDecimal|ToFloat"
    r"|Where|Identity|LShift|RShift"
)
_GUARDS = re.compile(r"size|stride|storage_offset|isnan|floor|ceil|sqrt|trunc|min|max")
_ARITHMETIC = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.keyword),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def refused(members: Members, label: str) -> Iterator[str]:
    """What in the archive is not plain data, in words; nothing where all of it is."""
    for name in members:
        lower, short = name.lower(), name.rpartition("/")[2]
        if "aotinductor/" in lower:
            yield f"{name} (compiled code)"
        elif re.search(r"(^|/)(custom|opaque)_obj_", lower):
            yield f"{name} (a pickled object)"
        elif re.search(r"(^|/)extra(_files)?/", lower):
            continue
        elif lower.endswith(".pt"):
            data = members[name]
            if data:
                yield from (f"{found} ({short})" for found in saved_imports(data, label))
        elif lower.endswith(".json") or re.search(r"(^|/)models/", lower):
            yield from (f"{found} ({short})" for found in _document(members[name]))


def _document(data: bytes) -> Iterator[str]:
    try:
        yield from _walk(json.loads(data), "")
    except (ValueError, RecursionError):
        yield "text that is not JSON"


def _walk(value: object, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not _PLAIN.fullmatch(name):
                yield f"the name {name[:80]!r}"
            yield from _walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, key)
    elif key == "use_pickle" and value:
        yield "a pickled tensor"
    elif isinstance(value, str) and not _harmless(value, key):
        yield f"{key} {value[:80]!r}"


def _harmless(text: str, key: str) -> bool:
    if key in {"target", "as_operator"}:
        return bool(_TARGET.fullmatch(text)) and not REACHING & set(text.split("."))
    if key == "expr_str":
        return _parsed(text, _is_size)
    if key == "guards_code":
        return _parsed(text, _is_guard)
    if key in {"in_spec", "out_spec"}:
        return not text or _is_tree(text)
    if key == "path_name" and text.startswith(("custom_obj_", "opaque_obj_")):
        return False
    return key in _FREE_TEXT or bool(_PLAIN.fullmatch(text))


def _parsed(text: str, allowed: Callable[[ast.AST], bool]) -> bool:
    """Whether the text is one line of arithmetic, made of allowed nodes alone."""
    if not _FORMULA.fullmatch(text):
        return False
    try:
        return all(allowed(node) for node in ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_size(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        # Every sympy class evaluates strings it is given, so only names and digits may be text.
        texts = [a for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return bool(_SIZES.fullmatch(name)) and (not texts or name in {"Symbol", "Float"})
    return _is_leaf(node)


def _is_guard(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        return bool(_GUARDS.fullmatch(name) or _SIZES.fullmatch(name)) and not node.keywords
    if isinstance(node, ast.Attribute):
        return bool(_GUARDS.fullmatch(node.attr))
    return isinstance(node, ast.Subscript) or _is_leaf(node)


def _is_leaf(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, str) or bool(re.fullmatch(r"\w+(\.\w+)?", node.value))
    if isinstance(node, ast.Name):
        return not node.id.startswith("__")
    return isinstance(node, _ARITHMETIC)


def _is_tree(text: str) -> bool:
    """Whether a description of nested arguments is of plain containers: others import modules."""
    try:
        _, root = json.loads(text)
        return _is_branch(root)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _is_branch(node: Mapping[str, Any]) -> bool:
    context = json.loads(node["context"] or "null")
    keys = context if isinstance(context, list) else [] if context is None else [{}]
    plain = all(isinstance(k, int) or (isinstance(k, str) and _PLAIN.fullmatch(k)) for k in keys)
    return node["type"] in _CONTAINERS and plain and all(map(_is_branch, node["children_spec"]))
