"""set_params sets all parameters, those of regularizers included, or none."""

import pytest

from wellposed import NetClassifier
from wellposed.regularizers import L2, SAM


@pytest.mark.parametrize("wrong", [
    {"l2": 0.5, "nonsense": 1},
    {"sam__adaptive": False, "sam__nonsense": 1},
    {"adversarial__steps": 3, "nonsense": 1},
    {"regularizers__a__strength": 3.0, "regularizers__c__strength": 3.0},
    {"regularizers__a__strength": 3.0, "regularizers__b__nonsense": 3.0},
    {"regularizers__a__strength": 3.0, "sam__adaptive": False, "nonsense": 1},
    {"regularizers__a": None, "regularizers__a__strength": 3.0},
], ids=str)  # fmt: skip
def test_parameters_are_all_set_or_none(wrong):
    net = NetClassifier(
        sam=SAM(0.1, adaptive=True),
        adversarial=0.1,
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
