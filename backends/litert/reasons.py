"""What the runtime's refusals say, in words of a model and not of LiteRT's own sources."""

from __future__ import annotations

import re

from mcompile.backends.litert.place import WAYS_OUT

_TOO_LARGE = "what it makes is larger than the runtime can count"
_WORDS = (
    (r"overflow|larger than", _TOO_LARGE),
    (r"num_input_elements != num_output_elements", "the sizes do not fit those it is given"),
    (r"too many dimensions|NumDimensions|[Dd]imensions|only supports \d", "it has too many axes"),
    (r"scale|zero_point|quantiz", "its kernel does not know these scales"),
    (r"->type|type != |type \w+ is not|not supported|Unsupported|nsupported data type",
     "its kernel does not know these types"),
)  # fmt: skip
_SMALLER = "--input with a smaller batch or smaller sizes"
_FREE = "the sizes do not follow the one that is free"
_OWN = re.compile(r"(?:\./)?(?:\w+/)+\w+\.(?:cc|h)(?::\d+)?\s*|Node number \d+ \(\w+\).*$")


def reason(told: str, free: bool = False) -> str:
    """The matter in words; the runtime's own, without its files and lines, where none are known."""
    found = next((words for pattern, words in _WORDS if re.search(pattern, told)), "")
    if free and (not found or found == _WORDS[1][1]):
        return _FREE
    return found or _OWN.sub("", told).strip()[:200] or "it does not say why"


def way_out(said: str) -> str:
    """What helps against a reason in words."""
    return _SMALLER if said == _TOO_LARGE else WAYS_OUT
