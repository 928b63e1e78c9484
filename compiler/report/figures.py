"""Names, numbers and provenance in words: the one place that knows how a figure is written.

Every function returns a single line without control characters, so that a hostile name cannot
break a row, forge a line of the console, or end a tag early. Escaping for a format is done by the
format.
"""

from __future__ import annotations

import math
import unicodedata

from mcompile.types import Measured, Provenance

_UNITS = {
    "_usd_per_day": "USD/day",
    "_mb": "MB",
    "_kb": "kB",
    "_ms": "ms",
    "_qps": "qps",
    "_mj": "mJ",
    "_db": "dB",
    "_pp": "pp",
    "_pct": "%",
    "_w": "W",
    "_g": "G",
    "_m": "M",
}
_SPELLED = {
    "sqnr": "SQNR",
    "macs": "MACs",
    "flops": "FLOPs",
    "fps": "FPS",
    "params": "parameters",
    "ram": "RAM",
    "moved": "bytes moved",
    "nan": "NaN",
    "inf": "Inf",
    "top1": "top-1",
    "top5": "top-5",
    "map": "mAP",
    "miou": "mIoU",
    "mae": "MAE",
    "bleu": "BLEU",
    "pcr": "PCR (parameters before / after)",
    "its": "ITS (time before / after)",
    "esr": "ESR (energy before / after)",
    "al": "AL (accuracy lost)",
}
_TIMES = {"x", "ratio", "times"}
_FLOORS = {"throughput", "fps"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def line(text: object) -> str:
    """The text on one line, with what cannot be seen made visible or replaced."""
    return "".join(_seen(c) if unicodedata.category(c) in _HIDDEN else c for c in str(text))


def _seen(char: str) -> str:
    return chr(0x2400 + ord(char)) if ord(char) < 0x20 else "\N{REPLACEMENT CHARACTER}"


def stem(name: str) -> str:
    """A budget's or measurement's name without bound and unit: `sqnr_db_min` is about `sqnr`."""
    bare = name.removesuffix("_min").removesuffix("_max")
    ending = _ending(bare)
    return bare.removesuffix(ending) if ending else bare


def unit_of(name: str) -> str:
    """The unit that a name ends with, or nothing."""
    bare = name.removesuffix("_min").removesuffix("_max")
    return _UNITS.get(_ending(bare), "")


def _ending(bare: str) -> str:
    return next((e for e in _UNITS if bare.endswith(e) and bare != e), "")


def label(name: str) -> str:
    """A name as a reader says it: `latency_p50_ms` is `latency p50`."""
    words = stem(name).split("_")
    return line(" ".join(_SPELLED.get(w, w) for w in words))


def is_floor(name: str) -> bool:
    """Whether more is better, so that the limit is a least value."""
    return name.endswith("_min") or stem(name) in _FLOORS


def figure(value: float, unit: str = "", more: int = 0) -> str:
    """The number to three significant digits, or `more` than that, with its unit."""
    number = _number(value, more)
    if unit in _TIMES:
        return f"{number}\N{MULTIPLICATION SIGN}"
    return f"{number} {line(unit)}" if unit else number


def _number(value: float, more: int) -> str:
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 100 and (value == int(value) or not more):
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:,.{max(0, 2 - int(math.log10(size))) + more}f}"
    return f"{value:#.{3 + more}g}"


def apart(value: float, limit: float, unit: str) -> tuple[str, str]:
    """Both numbers, with as many digits as it takes to tell one from the other."""
    more = next((m for m in range(8) if value == limit or _differ(value, limit, m)), 8)
    return figure(value, unit, more), figure(limit, unit, more if value != limit else 0)


def _differ(value: float, limit: float, more: int) -> bool:
    shown = (_number(v, more).replace(",", "") for v in (value, limit))
    return len(set(map(_read, shown))) == 2


def _read(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def interval(low: float, high: float, unit: str = "") -> str:
    """`44..71 ms`, both ends with the same unit."""
    return f"{figure(low)}..{figure(high, unit)}"


def found(measured: Measured) -> str:
    """The value, or its interval when it is a prediction; an interval may be open at an end."""
    low, high = measured.low, measured.high
    if low is not None and high is not None:
        return interval(low, high, measured.unit)
    if low is not None or high is not None:
        end = f"at least {figure(low, measured.unit)}" if low is not None else ""
        return end or f"at most {figure(high or 0.0, measured.unit)}"
    return figure(measured.value, measured.unit)


def source(measured: Measured) -> str:
    """The provenance, and the note of who measured: `simulated, 256 samples`."""
    words = provenance(measured)
    return f"{words}, {line(measured.note)}" if measured.note else words


def provenance(measured: Measured) -> str:
    """Where the number comes from; a prediction and a foreign measurement can never pass unseen."""
    words = str(measured.provenance.value)
    if measured.provenance is Provenance.PREDICTED and measured.device:
        words = f"predicted for {measured.device}"
    elif measured.provenance is Provenance.MEASURED and not measured.counts:
        foreign = not measured.doubt or measured.doubt.startswith("measured on")
        words = "measured elsewhere" if foreign else f"measured, but {measured.doubt}"
    return line(words)


def count(number: int, noun: str) -> str:
    """`1 tensor`, `2 tensors`, `1,200 tensors`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def seconds(value: float) -> str:
    """A time of the build: `0.4 s`, `2 min 05 s`."""
    if value < 60:
        return f"{value:.1f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def size(count: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return figure(count / scale, unit)
    return f"{count:.0f} B"
