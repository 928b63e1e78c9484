"""What is refused before the compiler is asked."""

import pytest

from .desk import program  # skips without the package

from mcompile.backends.tensorrt_rtx.demands import demand  # isort: skip
from mcompile.errors import LoweringError  # isort: skip


@pytest.mark.parametrize(
    ("body", "signature", "where"),
    [
        ("y = Relu(x)", "(double[1,4] x) => (double[1,4] y)", "input x"),
        (
            "[wide] d = Cast <to = 11> (x) y = Cast <to = 1> (d)",
            "(float[4] x) => (float[4] y)",
            "node wide (Cast)",
        ),
        ("y = Cast <to = 5> (x)", "(float[4] x) => (int16[4] y)", "node y (Cast)"),
    ],
)
def test_a_type_that_no_engine_holds_is_refused_at_its_place(body, signature, where):
    with pytest.raises(LoweringError, match="no numbers of type") as caught:
        demand(program(body, signature))
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("shape", "name", "asked"),
    [("n,3,h,8", "h", "N,3,N,8"), ("1,c", "c", "1,N"), ("n,8,8,w", "w", "N,8,8,N")],
)
def test_a_free_size_behind_the_leading_one_is_refused(shape, name, asked):
    free = program("y = Relu(x)", f"(float[{shape}] x) => (float[{shape}] y)")
    with pytest.raises(LoweringError, match=f"bounds of the free size {name} of x") as caught:
        demand(free)
    assert caught.value.fix.startswith(f"--input 'x=F32[{asked}]'")


def test_what_engines_hold_is_taken():
    demand(program("y = Cast <to = 1> (x)", "(int64[n,4] x) => (float[n,4] y)"))
