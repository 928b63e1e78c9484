"""`build_engine.py`: the parts in `device/`, joined into one file that a device runs by itself.

Parts come after what they import. What they import of each other is left out, and what they import
of the standard library stands once, at the top. The bytes depend on nothing but the parts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from mcompile.errors import Broken

_PARTS = Path(__file__).with_name("device")
_HOUSE = "mcompile.backends.tensorrt.device."
_HEAD = '''#!/usr/bin/env python3
"""Finish an engine kit on the device that it is for: `python3 build_engine.py --help`.

Written by mcompile. It needs Python 3.6 or later, numpy, the device's own TensorRT (8.0 to 11) and
pycuda or cuda-python.
"""
'''
_END = '\n\nif __name__ == "__main__":\n    sys.exit(main())\n'


def script() -> bytes:
    """The text of `build_engine.py`."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(_PARTS.glob("*.py"))}
    del texts["__init__"]
    trees = {name: ast.parse(text) for name, text in texts.items()}
    order = _ordered({name: set(_needs(tree)) for name, tree in trees.items()})
    bodies = [_body(name, texts[name], trees[name]) for name in order]
    return "".join([_HEAD, _imports(trees), *bodies, _END]).encode()


def _ordered(needs: Mapping[str, set[str]]) -> list[str]:
    """The parts, each after those it needs, else by name; `Broken` where they go in a ring."""
    order: list[str] = []
    while len(order) < len(needs):
        ready = sorted(n for n, wants in needs.items() if n not in order and wants <= {*order})
        if not ready:
            rest = sorted({*needs} - {*order})
            raise Broken(f"parts import each other: {rest}", where=str(_PARTS), fix="report this")
        order.append(ready[0])
    return order


def _needs(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_HOUSE):
            yield str(node.module).removeprefix(_HOUSE)


def _imports(trees: Mapping[str, ast.Module]) -> str:
    """The standard library's modules, each named once and sorted."""
    whole: set[str] = set()
    names: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.Import):
                whole.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith(_HOUSE):
                names.setdefault(str(node.module), set()).update(a.name for a in node.names)
    plain = [f"import {name}\n" for name in sorted(whole)]
    chosen = [f"from {m} import {', '.join(sorted(found))}\n" for m, found in sorted(names.items())]
    return "\n" + "".join(plain + chosen)


def _body(name: str, text: str, tree: ast.Module) -> str:
    """A part without its docstring and imports; its first sentence marks where it begins."""
    lines = text.splitlines(keepends=True)
    docstring = ast.get_docstring(tree) or name
    for node in (tree.body[0], *tree.body):
        if node is tree.body[0] or isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    code = "".join(lines).strip("\n")
    return "\n\n# " + docstring.splitlines()[0] + "\n\n\n" + code + "\n"
