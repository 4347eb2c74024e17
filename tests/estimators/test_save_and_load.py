"""Files of save(): what comes back, and which files are refused."""

from __future__ import annotations

import json
import os
import pickletools

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from wellposed import L2, SAM, Adversarial, NetClassifier, NetRegressor, Regularizer, load, save
from wellposed.schedules import Schedule

X, y = load_iris(return_X_y=True)
IMAGES = np.tile(X, 4)
SETTINGS = {"max_epochs": 4, "batch_size": 50, "random_state": 0}


class Own(torch.nn.Module):
    """Batch statistics, a frozen layer and dropout of its own."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.first = torch.nn.Linear(n_inputs, 6)
        self.first.weight.requires_grad_(False)
        self.rest = torch.nn.Sequential(
            torch.nn.BatchNorm1d(6), torch.nn.Dropout(0.2), torch.nn.Linear(6, n_outputs)
        )

    def forward(self, x):
        return self.rest(self.first(x))


class Pull(Regularizer):
    """Pulls the weights towards `to`."""

    def __init__(self, strength=0.0, *, to=0.0, measure=None):
        super().__init__(strength)
        self.to, self.measure = to, measure

    def value(self, weights):
        return self.strength * (weights.flat - self.to).square().sum(1)


def absolute(x):
    return abs(x)


def of_text(labels):
    return NetClassifier((8,), class_weight={"a": 2.0, "b": 1.0, "ü": 1.0}, **SETTINGS).fit(
        X, np.array(labels)[y]
    )


FITS = {
    "classifier": lambda: NetClassifier((8,), dropout=0.1, **SETTINGS).fit(X, y),
    "binary": lambda: NetClassifier((), **SETTINGS).fit(X[:100], y[:100] > 0),
    "text": lambda: of_text(["a", "b", "ü"]),
    "object labels": lambda: of_text(np.array(["a", "b", "ü"], dtype=object)),
    "several labels": lambda: NetClassifier(**SETTINGS).fit(X, np.eye(3, dtype=int)[y]),
    "regressor": lambda: NetRegressor((8,), solver="sgd", **SETTINGS).fit(X, X[:, :2]),
    "poisson": lambda: NetRegressor((8,), loss="poisson", **SETTINGS).fit(X, y),
    "lbfgs": lambda: NetRegressor((), solver="lbfgs", l1=0.1, random_state=0).fit(X, y),
    "cnn": lambda: NetClassifier((4,), network="cnn", **SETTINGS).fit(IMAGES, y),
    "own module": lambda: NetClassifier(network=Own, **SETTINGS).fit(X, y),
    "early stopping": lambda: NetClassifier(
        (8,), early_stopping=True, averaging=0.5, **SETTINGS
    ).fit(X, y),
    "numpy's numbers": lambda: NetClassifier(
        np.array([8]), l2=np.float32(0.1), dropout=np.float64(0.1), **SETTINGS
    ).fit(X, y),
    "options": lambda: NetClassifier(
        (8,), adversarial=Adversarial(0.1, steps=2, norm=2), sam=SAM(0.05), l2=L2(0.1), **SETTINGS
    ).fit(X, y),
    "partial_fit": lambda: NetRegressor((8,), random_state=0).partial_fit(X, y),
    "float32": lambda: NetRegressor((8,), dtype="float32", **SETTINGS).fit(X, y),
    "other parameters since": lambda: (
        NetClassifier((8,), **SETTINGS).fit(X, y).set_params(hidden_layer_sizes=(3, 3), l2=1.0)
    ),
}
ROWS = {"cnn": IMAGES}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("name", FITS)
def test_what_is_loaded_is_what_was_saved(name, path):
    net, rows = FITS[name](), ROWS.get(name, X)
    assert net.net_.initialized_  # a skorch net that was looked at is not in the file
    net.save(path)
    other = load(path, network=Own if name == "own module" else None)
    assert type(other) is type(net)
    for parameter, value in net.get_params().items():
        loaded = other.get_params()[parameter]
        assert repr(loaded) == repr(value) or np.array_equal(loaded, value), parameter
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(net, method):
            a, b = getattr(net, method)(rows), getattr(other, method)(rows)
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    for attribute in vars(net):
        if attribute.endswith("_"):
            assert str(getattr(net, attribute)) == str(getattr(other, attribute)), attribute
    assert str(other.regularizers_) == str(net.regularizers_)
    assert other.score(rows, net.predict(rows)) == 1


@pytest.mark.parametrize("name", ["classifier", "cnn", "own module", "float32"])
def test_training_goes_on_as_it_would_have(name, path):
    net, rows = FITS[name](), ROWS.get(name, X)
    save(net, path)
    other = load(path, network=Own if name == "own module" else None)
    for _ in range(2):
        net.partial_fit(rows, y)
        other.partial_fit(rows, y)
    np.testing.assert_array_equal(net.predict(rows), other.predict(rows))
    assert net.loss_curve_ == other.loss_curve_
    again, refitted = clone(other).fit(rows, y), clone(net).fit(rows, y)
    np.testing.assert_array_equal(again.predict(rows), refitted.predict(rows))


def test_column_names_come_back(path):
    frame = load_iris(as_frame=True).data
    NetClassifier(max_epochs=2).fit(frame, y).save(path)
    other = load(path)
    np.testing.assert_array_equal(other.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        other.predict(frame[frame.columns[::-1]])


def test_regularizers_of_ones_own(path):
    own = [("pull", Pull(0.1, to=np.float64(0.5), measure=absolute))]
    net = NetClassifier((4,), regularizers=own, **SETTINGS).fit(X, y)
    net.save(path)
    with pytest.raises(ValueError, match=r"load\(path, own=\[(Pull|absolute)\]\)"):
        load(path)
    other = load(path, own=[Pull, absolute])
    assert other.regularizers_["pull"].get_params() == own[0][1].get_params()
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))


class Half(Schedule):
    def __init__(self, share=0.5):
        self.share = share

    def factors(self, n_updates, n_batches):
        return np.full(n_updates, self.share)


def test_a_schedule_of_ones_own(path):
    net = NetClassifier((4,), learning_rate_schedule=Half(0.25), **SETTINGS).fit(X, y)
    net.save(path)
    with pytest.raises(ValueError, match=r"load\(path, own=\[Half\]\)"):
        load(path)
    other = load(path, own=Half)
    assert other.learning_rate_schedule.share == 0.25
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(other.fit(X, y).predict_proba(X), net.predict_proba(X))


def test_a_network_of_ones_own_is_asked_for(path):
    FITS["own module"]().save(path)
    with pytest.raises(ValueError, match=r"network=Own"):
        load(path)

    def another(n_inputs, n_outputs):
        return torch.nn.Linear(n_inputs, n_outputs)

    with pytest.raises(ValueError, match="the function network= that the model was trained with"):
        load(path, network=another)


def test_the_file_is_plain_safetensors(path):
    net = FITS["classifier"]()
    net.save(path)
    with safe_open(path, framework="numpy") as file:
        content = json.loads(file.metadata()["wellposed"])
        sizes = [file.get_tensor(name).size for name in file.keys()]  # noqa: SIM118
    assert content["class"] == "NetClassifier"
    assert content["format"] == 1
    assert content["params"]["dropout"] == 0.1
    assert net._state.theta.numel() in sizes
    with pytest.raises(ValueError, match="opcode"):  # no pickle
        list(pickletools.genops(path.read_bytes()))


@pytest.mark.parametrize("keep", [0, 1, 7, 100, 0.5, -1])
def test_a_cut_file_is_refused(keep, path):
    FITS["classifier"]().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if 0 < keep < 1 else keep])
    with pytest.raises(ValueError, match="has been cut"):
        load(path)


def test_an_altered_file_is_refused(path):
    """Every byte counts, in the numbers and in the header."""
    FITS["lbfgs"]().save(path)
    data = path.read_bytes()
    begin = data.index(b'"sha256"')
    rng = np.random.default_rng(0)
    for at in [8, begin + 12, len(data) - 9, *rng.integers(0, len(data), 60)]:
        altered = bytearray(data)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(ValueError, match=r"has been altered|has been cut|has not written"):
            load(path)


def test_foreign_files_are_refused(path, tmp_path):
    import joblib

    joblib.dump(FITS["classifier"](), path)
    with pytest.raises(ValueError, match="no safetensors file"):
        load(path)
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="save\\(\\) has not written"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.safetensors")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_a_newer_format_is_named(path):
    save_file({"a": np.zeros(3)}, path, {"wellposed": '{"format": 99}', "sha256": ""})
    with pytest.raises(ValueError, match=r"format 99.*up to 1\. Install a newer one"):
        load(path)


def test_what_cannot_be_saved_is_said(path):
    with pytest.raises(NotFittedError):
        NetClassifier().save(path)
    with pytest.raises(TypeError, match="got Pipeline"):
        save(make_pipeline(FITS["classifier"]()), path)
    lambdas = [("pull", Pull(0.1, measure=lambda x: x))]
    net = NetClassifier(regularizers=lambdas, **SETTINGS).fit(X, y)
    with pytest.raises(TypeError, match="regularizers holds a function without a name"):
        net.save(path)
    net = NetClassifier(**SETTINGS).fit(X, y)
    net.set_params(callbacks=[Callback()], random_state=np.random.RandomState(0))
    with pytest.warns(UserWarning, match="is not saved") as warned:
        net.save(path)
    assert {str(w.message).split()[0] for w in warned} == {"callbacks", "random_state"}
    assert {w.filename for w in warned} == {__file__}
    assert load(path).callbacks is None
    assert not [name for name in os.listdir(path.parent) if name != path.name]


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    net = FITS["classifier"]()
    net.save(path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        FITS["regressor"]().save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_loaded_net_selects_features(path):
    net = NetRegressor((), solver="lbfgs", l1=0.1).fit(X, y)
    net.save(path)
    selected = SelectFromModel(load(path), prefit=True).transform(X)
    assert selected.shape[1] == (net.coef_ != 0).sum()
