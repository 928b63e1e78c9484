"""Steps as lines of a plan and members of its archive; damaged ones are refused."""

import numpy as np
import pytest

from mcompile.errors import UsageError
from mcompile.quantize.plansteps import Step, lines, members, split
from mcompile.types import Changed, Divided, QuantPlan

STEPS = (Divided("a", np.array([0.1, 3.0])), Divided("g", np.array([7.0]), ("y", "z")))
PLAN = QuantPlan({}, {}, {}, {"w": np.zeros(2, np.int8)}, Changed("tuned", STEPS))


def test_steps_come_back_with_their_codes_apart():
    codes, changed = split(members(PLAN), "tuned", lines(PLAN), "plan.json")
    assert [*codes] == ["w"]
    assert changed.how == "tuned"
    for one, other in zip(changed.steps, STEPS, strict=True):
        assert (one.value, one.readers) == (other.value, other.readers)
        assert one.by.tobytes() == other.by.tobytes()


def test_a_weight_of_the_same_name_is_not_taken_for_divisors():
    odd = QuantPlan({}, {}, {}, {"scaled.0": np.ones(1, np.int8)}, PLAN.changed)
    codes, changed = split(members(odd), "tuned", lines(odd), "plan.json")
    assert [*codes] == ["scaled.0"]
    assert changed.steps[0].by.size == 2


DAMAGED = {
    "missing": None, "integers": np.ones(2, np.int8), "single": np.ones(2, np.float32),
    "matrix": np.ones((2, 2)), "zero": np.array([0.0, 1.0]), "negative": np.array([-1.0]),
    "infinite": np.array([np.inf]), "nothing": np.array([np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_divisors_that_are_none_are_refused_in_three_lines(data):
    held = {} if data is None else {"scaled.0": data}
    with pytest.raises(UsageError, match=r"no divisors scaled\.0 for the channels of a") as refused:
        split(held, "tuned", [Step("a", "scaled.0")], "plan.json")
    assert len(str(refused.value).splitlines()) == 3
