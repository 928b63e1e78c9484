"""What a TorchScript archive's code reaches beyond arithmetic.

TorchScript cannot call Python, but its operators include some that write files, and its loader
runs `__setstate__` methods of the file. So the words of the code are read before it is loaded.
Words, not syntax: a second parser could be made to see another program than PyTorch's does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcompile.frontend.archive import Members

_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(rb"(?<!\.)\bops\b(\.(aten|prim|quantized|torchvision)\.)?")
_REACHING = {
    **dict.fromkeys((b"save", b"from_file", b"_print"), "an operator that writes"),
    **dict.fromkeys((b"getattr", b"hasattr"), "a name computed while it runs"),
    **dict.fromkeys((b"classes",), "a C++ class"),
    **dict.fromkeys((b"rpc_async", b"rpc_sync", b"rpc_remote"), "a call to another machine"),
}


def refused(members: Members) -> Iterator[str]:
    """The words in the code that could reach out, each with the file it stands in."""
    for name in members:
        if not name.lower().startswith("code/") or name.lower().endswith(".debug_pkl"):
            continue
        text = members[name]
        for word in sorted(set(_WORD.findall(text)) & _REACHING.keys()):
            yield f"{word.decode()} ({_REACHING[word]}, {name})"
        if any(not found[1] for found in _OPERATOR.finditer(text)):
            yield f"an operator that is not PyTorch's own ({name})"
