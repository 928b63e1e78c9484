"""Versions of TensorRT: in a range or not, and as the digits that its calibration caches name."""

import re
from typing import Tuple

Version = Tuple[int, ...]


def parsed(text: str) -> Version:
    """The leading numbers of a version: (8, 5, 2, 2) of `8.5.2.2`, (10, 3) of `10.3.post1`."""
    found = re.match(r"\s*(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def inside(version: str, clauses: str) -> bool:
    """Whether every clause holds; clauses as in `>=8.5,<11`, missing numbers count as zero."""
    return all(_holds(parsed(version), clause) for clause in clauses.split(",") if clause.strip())


def digits(version: str) -> str:
    """The version as TensorRT's headers count it (`NV_TENSORRT_VERSION`).

    Up to 9 it is major * 1000 + minor * 100 + patch, from 10 on major * 10000 + ...: 8502, 100300.
    """
    major, minor, patch = (*parsed(version), 0, 0, 0)[:3]
    return str(major * (10000 if major >= 10 else 1000) + minor * 100 + patch)


def _holds(version: Version, clause: str) -> bool:
    found = re.match(r"\s*(>=|<=|==|>|<)\s*([\d.]+)\s*$", clause)
    if not found:
        return False
    limit = parsed(found.group(2))
    size = max(len(version), len(limit))
    have = version + (0,) * (size - len(version))
    want = limit + (0,) * (size - len(limit))
    if found.group(1) == "==":
        return have[: len(limit)] == limit
    return {">=": have >= want, "<=": have <= want, ">": have > want, "<": have < want}[
        found.group(1)
    ]
