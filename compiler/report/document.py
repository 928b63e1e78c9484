"""A report as JSON, and the schema that the JSON keeps to.

JSON has no spelling for a number that is not finite, and one infinite ratio must not cost the user
the report: such a number is written as the string `inf`, `-inf` or `nan`, which the schema allows.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import msgspec

from mcompile.errors import ContractError
from mcompile.record import Report

VERSION = 1
SCHEMA = Path(__file__).with_name("report.schema.json")
_FINITE_OR_NOT = [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]


def dump(report: Report) -> bytes:
    """The report as UTF-8 JSON; the same report is always the same bytes."""
    plain = _writable(msgspec.to_builtins(report, order="deterministic"))
    return msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n"


def load(data: bytes) -> Report:
    """The report behind `dump`. Raises `ContractError` where it is damaged or of another schema."""
    try:
        plain = msgspec.json.decode(data, type=dict[str, Any])
        version = plain.get("schema")
        if version != VERSION:
            raise ContractError(
                f"the report is of schema {version}, this mcompile reads schema {VERSION}",
                where="report.json",
                fix="read it with the mcompile that wrote it, or build again",
            )
        return msgspec.convert(plain, Report, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(
            f"the report cannot be read: {error}", where="report.json", fix="build it again"
        ) from error


def schema() -> bytes:
    """The JSON schema of a report, made from the nouns; it ships as `report.schema.json`."""
    made = _allowing(msgspec.json.schema(Report))
    made["$defs"]["Report"]["properties"]["schema"] = {"const": VERSION}
    made["$defs"]["Report"]["required"].append("schema")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mcompile report, schema {VERSION}",
    }
    return msgspec.json.format(msgspec.json.encode(head | made), indent=2) + b"\n"


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(k): _writable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """A name with a lone surrogate (a damaged file name) is no UTF-8: it is replaced, not lost."""
    return text.encode("utf-8", "replace").decode()


def _allowing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: _allowing(v) for k, v in value.items() if (k, v) != ("type", "number")}
        if isinstance(kept.get("description"), str):
            # Python 3.13 cleans docstrings itself; the file must not depend on who wrote it.
            kept["description"] = inspect.cleandoc(kept["description"])
        return kept | {"anyOf": _FINITE_OR_NOT} if len(kept) < len(value) else kept
    return [_allowing(v) for v in value] if isinstance(value, list) else value
