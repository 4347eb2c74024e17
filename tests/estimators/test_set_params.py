"""set_params sets all parameters, those of regularizers included, or none."""

import pytest

from wellposed import NetClassifier
from wellposed.regularizers import L2, SAM
from wellposed.schedules import Cosine, Step


@pytest.mark.parametrize("wrong", [
    {"l2": 0.5, "nonsense": 1},
    {"sam__adaptive": False, "sam__nonsense": 1},
    {"adversarial__steps": 3, "nonsense": 1},
    {"regularizers__a__strength": 3.0, "regularizers__c__strength": 3.0},
    {"regularizers__a__strength": 3.0, "regularizers__b__nonsense": 3.0},
    {"regularizers__a__strength": 3.0, "sam__adaptive": False, "nonsense": 1},
    {"regularizers__a": None, "regularizers__a__strength": 3.0},
    {"learning_rate_schedule__warmup": 0.1, "nonsense": 1},
    {"learning_rate_schedule": "step", "learning_rate_schedule__nonsense": 1},
], ids=str)  # fmt: skip
def test_parameters_are_all_set_or_none(wrong):
    net = NetClassifier(
        sam=SAM(0.1, adaptive=True),
        adversarial=0.1,
        learning_rate_schedule=Cosine(final=0.5),
        regularizers=[("a", L2(0.1)), ("b", L2(0.2))],
    )
    objects, before = dict(vars(net)), repr(net.get_params())
    with pytest.raises(ValueError, match=r"nonsense|regularizers"):
        net.set_params(**wrong)
    assert vars(net) == objects
    assert repr(net.get_params()) == before


@pytest.mark.parametrize("pairs", ["abc", L2(0.1), [L2(0.1)], [("a", L2(0.1)), ("a", L2(0.2))]])
def test_nothing_is_set_in_what_is_no_list_of_pairs(pairs):
    net = NetClassifier(regularizers=pairs)
    with pytest.raises(ValueError, match="must be a list of pairs of a name"):
        net.set_params(regularizers__a__strength=3.0)
    assert net.regularizers is pairs


def test_a_schedules_name_becomes_an_object():
    net = NetClassifier(learning_rate_schedule="cosine")
    net.set_params(learning_rate_schedule__warmup=0.1)
    assert net.learning_rate_schedule.get_params() == {"warmup": 0.1, "final": 0.0}
    net.set_params(learning_rate_schedule="step", learning_rate_schedule__every=3)
    assert isinstance(net.learning_rate_schedule, Step)
    assert net.learning_rate_schedule.every == 3
    schedule = net.learning_rate_schedule
    with pytest.raises(ValueError, match="nonsense"):
        net.set_params(learning_rate_schedule__every=7, nonsense=1)
    assert net.learning_rate_schedule is schedule
    assert schedule.every == 3


@pytest.mark.parametrize("key", ["activation__x", "learning_rate_schedule__warmup", "start__l2"])
def test_what_has_no_parameters_says_so(key):
    net = NetClassifier()
    with pytest.raises(ValueError, match=f"Invalid parameter '{key}'"):
        net.set_params(**{key: 0.1})


def test_the_start_is_left_alone():
    given = NetClassifier()
    net = NetClassifier(start=given)
    with pytest.raises(ValueError, match="start is a network of its own, which stays as it is"):
        net.set_params(start__l2=0.1)
    with pytest.raises(ValueError, match="start is a network of its own"):
        NetClassifier().set_params(start=given, start__l2=0.1)
    assert given.l2 == 0
