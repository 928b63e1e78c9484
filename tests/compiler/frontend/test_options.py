import pytest

from mcompile.errors import UsageError
from mcompile.frontend.options import DTYPES, parse_input, show
from mcompile.types import Port


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("F32[1,3,224,224]", Port("", "float32", (1, 3, 224, 224))),
        ("image=F32[N, 3, 8, 8]", Port("image", "float32", ("N", 3, 8, 8))),
        ("ids=I64[batch,length]", Port("ids", "int64", ("batch", "length"))),
        ("bf16[2]", Port("", "bfloat16", (2,))),
        ("x.y/z=BOOL[]", Port("x.y/z", "bool", ())),
    ],
)
def test_an_input_is_a_name_a_type_and_a_shape(text, port):
    assert parse_input(text) == port


@pytest.mark.parametrize("short", DTYPES)
def test_what_is_shown_can_be_typed_again(short):
    port = parse_input(f"x={short}[N,2]")
    assert show(port) == f"x={short}[N,2]"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("F32", "an input is a type and a shape"),
        ("", "an input is a type and a shape"),
        ("F32[1,2", "an input is a type and a shape"),
        ("F31[1]", "F31 is not an element type"),
        ("F32[0,3]", "0 is not a dimension"),
        ("F32[-1,3]", "-1 is not a dimension"),
        ("F32[1,,3]", "nothing is not a dimension"),
        ("F32[1x3]", "1x3 is not a dimension"),
    ],
)
def test_a_bad_input_is_a_usage_error_with_a_way_out(text, what):
    with pytest.raises(UsageError) as caught:
        parse_input(text)
    assert caught.value.what == what
    assert caught.value.where == f"--input {text}"
    assert caught.value.fix
