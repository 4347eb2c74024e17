"""What a notebook shows of an estimator."""

import re

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import SAM, Adversarial, NetClassifier, NetRegressor, Regularizer


class Mine(Regularizer):
    def value(self, weights):
        return self.strength * weights.flat.sum(1)


def caption_of(estimator):
    return re.search(r'<div class="caption">(.*?)</div>', estimator._repr_html_()).group(1)


def test_what_is_on_stands_under_the_name():
    net = NetClassifier(l2=0.1, dropout=0.0, sam=SAM(0.05), adversarial=Adversarial(0.0, steps=3))
    assert caption_of(net) == "on: sam=SAM(strength=0.05), l2=0.1"
    mine = NetRegressor(regularizers=[("mine", Mine(0.2)), ("off", Mine(0.0))], early_stopping=True)
    assert caption_of(mine) == "on: mine=Mine(strength=0.2), early_stopping=True"
    assert caption_of(NetRegressor()) == "no regularizer is on"
    assert caption_of(make_pipeline(StandardScaler(), NetRegressor(l1=1.0))) == "on: l1=1.0"


@pytest.mark.filterwarnings("error")
def test_parameters_that_make_no_sense_are_shown_all_the_same():
    """A diagram is looked at before the fit that would refuse them."""
    html = NetClassifier(l2="much", regularizers=3)._repr_html_()
    assert "NetClassifier" in html
    assert "much" in html


def test_names_are_text():
    net = NetClassifier(regularizers=[("<b>mine</b>", Mine(0.2))])
    assert "<b>mine" not in net._repr_html_()
