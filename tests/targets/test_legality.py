from __future__ import annotations

from collections.abc import Callable

import pytest

from mcompile.profile import Device, Legality, Target
from mcompile.targets.legality import complete, effective, entry, precision
from mcompile.types import Precision

Said = Callable[..., str]
FORMS = '"native", "emulated", "illegal" or { falls_back_to = "...", because = "..." }'
NATIVE = Legality("native")


def target(**changed: Legality) -> Target:
    table = {p: changed.get(p.name.lower(), NATIVE) for p in Precision}
    return Target("nano", "Nano", "tensorrt", Precision.FP16, Device("aarch64"), legality=table)


def falls(to: Precision) -> Legality:
    return Legality("falls_back", to, "it has no such kernels")


@pytest.mark.parametrize("word", ["native", "emulated", "illegal"])
def test_a_word_or_a_table_with_its_reason_say_the_same(word: str) -> None:
    assert entry("int8", word, "pi.toml") == Legality(word)
    table = {"status": word, "because": "b", "source": "s"}
    assert entry("int8", table, "pi.toml") == Legality(word, None, "b", "s")


def test_a_fallback_carries_its_reason() -> None:
    table = {"falls_back_to": "fp16", "because": "b", "source": "s"}
    assert entry("int8", table, "pi.toml") == Legality("falls_back", Precision.FP16, "b", "s")


@pytest.mark.parametrize(
    ("value", "what", "fix"),
    [
        ("nativ", '"nativ" is not a legality', FORMS),
        ({"status": "falls_back"}, '"falls_back" is not a legality', FORMS),
        (8, "8 is not a legality", FORMS),
        ({}, "a legality needs either `status` or `falls_back_to`", FORMS),
        (
            {"status": "native", "falls_back_to": "fp16"},
            "a legality needs either `status` or `falls_back_to`",
            FORMS,
        ),
        (
            {"falls_back_to": "fp15", "because": "b"},
            '"fp15" is not a precision',
            "fp16",
        ),
        (
            {"falls_back_to": "fp16"},
            "a precision that falls back needs a reason its user can read",
            'because = "..."',
        ),
        ({"becuse": "b"}, "becuse is not part of a legality", "because"),
        ({"because": 3}, "because is 3, not text", "because = text in quotes"),
    ],
)
def test_a_bad_entry_is_refused(said: Said, value: object, what: str, fix: str) -> None:
    assert said(entry, "int8", value, "pi.toml") == (
        f"{what}\n  in   pi.toml, [legality] int8\n  try  {fix}"
    )


def test_a_precision_of_no_such_name_is_refused(said: Said) -> None:
    assert said(precision, "in8", "pi.toml, precision") == (
        '"in8" is not a precision\n  in   pi.toml, precision\n  try  int8 or int16x8'
    )


def test_every_precision_must_be_stated(said: Said) -> None:
    table = {p: NATIVE for p in Precision if p is not Precision.BF16}
    assert said(complete, table, Precision.FP32, "pi.toml") == (
        f"the legality of bf16 is not stated\n  in   pi.toml, [legality]\n  try  bf16 = {FORMS}"
    )


def test_fallbacks_must_not_go_in_a_circle(said: Said) -> None:
    table = target(int8=falls(Precision.FP16), fp16=falls(Precision.INT8)).legality
    assert said(complete, table, Precision.FP32, "pi.toml") == (
        "fp16 -> int8 -> fp16 falls back in a circle\n  in   pi.toml, [legality]\n"
        "  try  let one of them be native, emulated or illegal"
    )


def test_a_fallback_to_itself_is_a_circle(said: Said) -> None:
    table = target(int8=falls(Precision.INT8)).legality
    assert said(complete, table, Precision.FP32, "pi.toml").startswith("int8 -> int8 falls back")


def test_a_fallback_must_end_in_something_legal(said: Said) -> None:
    table = target(int8=falls(Precision.FP16), fp16=Legality("illegal")).legality
    assert said(complete, table, Precision.FP32, "pi.toml") == (
        "int8 falls back to fp16, which is illegal\n  in   pi.toml, [legality]\n"
        '  try  int8 = "illegal", or another precision to fall back to'
    )


def test_the_default_precision_must_be_legal(said: Said) -> None:
    table = target(int8=Legality("illegal"), bf16=falls(Precision.FP32)).legality
    assert said(complete, table, Precision.INT8, "pi.toml") == (
        "int8 is the default and yet not legal\n  in   pi.toml, precision\n"
        "  try  fp32, fp16, int8-dynamic, int8-weights, int4-weights or int16x8"
    )


def test_a_native_precision_is_built_without_a_word() -> None:
    assert effective(target(), Precision.INT8, strict=True) == (Precision.INT8, "")


def test_an_emulated_precision_is_built_and_says_what_it_costs() -> None:
    nano = target(int8=Legality("emulated", because="it is slow"))
    assert effective(nano, Precision.INT8, strict=True) == (
        Precision.INT8,
        "int8 is emulated on nano: it is slow",
    )


def test_a_chain_of_fallbacks_is_followed_to_its_end() -> None:
    nano = target(int8_dynamic=falls(Precision.INT8), int8=falls(Precision.FP16))
    assert effective(nano, Precision.INT8_DYNAMIC) == (
        Precision.FP16,
        "int8-dynamic falls back to fp16 on nano: it has no such kernels",
    )


def test_strict_refuses_what_would_fall_back(said: Said) -> None:
    nano = target(int8=falls(Precision.FP16))
    assert said(effective, nano, Precision.INT8, True) == (
        "nano may not be given int8: it has no such kernels\n  in   target nano, [legality]\n"
        "  try  --precision fp32, fp16, bf16, int8-dynamic, int8-weights, int4-weights or int16x8, "
        "or leave out --strict"
    )


def test_an_illegal_precision_is_refused_either_way(said: Said) -> None:
    nano = target(fp32=Legality("illegal"))
    assert said(effective, nano, Precision.FP32) == (
        "nano may not be given fp32\n  in   target nano, [legality]\n"
        "  try  --precision fp16, bf16, int8, int8-dynamic, int8-weights, int4-weights or int16x8"
    )
