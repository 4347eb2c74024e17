"""Rows without labels: how they are given, batched, and kept whole by meta-estimators."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from scipy.sparse import coo_array, csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import KeepUnlabeled, NetClassifier, NetRegressor, Unlabeled, fit_together
from wellposed.training.stack import Stack

RNG = np.random.default_rng(0)
X, U = RNG.normal(size=(40, 3)), RNG.normal(size=(70, 3))
y = (X[:, 0] + 0.3 * RNG.normal(size=40) > 0).astype(int)
NET = NetClassifier(
    (6,), entropy=0.2, vat=0.3, learning_rate=0.01, max_epochs=6, batch_size=16, random_state=0
)
NUMBERS = NetRegressor((6,), consistency=2.0, max_epochs=6, batch_size=16, random_state=0)


def same(net, other):
    for ours, theirs in zip(net.coefs_ + net.intercepts_, other.coefs_ + other.intercepts_):
        np.testing.assert_array_equal(ours, theirs)


# ---------------------------------------------------------------------- marked in y

MARKED = {
    "minus one": np.r_[y, np.full(70, -1)],
    "nan": np.r_[y.astype(float), np.full(70, np.nan)],
    "none": np.array([*y.tolist(), *[None] * 70], dtype=object),
    "column": np.r_[y, np.full(70, -1)][:, None],
    "list": [*y.tolist(), *[-1] * 70],
    "series": pd.Series(np.r_[y, np.full(70, -1)]),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("how", MARKED)
def test_rows_that_y_marks_are_rows_without_labels(how):
    expected = clone(NET).fit(X, y, X_unlabeled=U)
    net = clone(NET).fit(np.r_[X, U], MARKED[how])
    same(net, expected)
    np.testing.assert_array_equal(net.classes_, [0, 1])
    assert net.loss_ != clone(NET).fit(X, y).loss_


def test_text_labels_beside_none():
    names = np.array(["no", "yes"])[y]
    net = clone(NET).fit(np.r_[X, U], np.array([*names, *[None] * 70], dtype=object))
    same(net, clone(NET).fit(X, names, X_unlabeled=U))
    assert set(net.classes_) == {"no", "yes"}


@pytest.mark.parametrize("dtype", ["string", object, "category"])
def test_text_labels_beside_na(dtype):
    names = np.array(["no", "yes"])[y]
    marked = pd.Series([*names, *[pd.NA] * 70], dtype=dtype)
    expected = clone(NET).fit(X, names, X_unlabeled=U)
    same(clone(NET).fit(np.r_[X, U], marked), expected)
    begun = clone(NET).partial_fit(np.r_[X, U], marked, classes=["no", "yes"])
    assert set(begun.classes_) == {"no", "yes"}
    with pytest.raises(ValueError, match="The first call of partial_fit needs classes="):
        clone(NET).partial_fit(np.r_[X, U], marked)
    with pytest.raises(ValueError, match="y has 70 missing values"):
        expected.score(np.r_[X, U], marked)
    for train, test in KeepUnlabeled(2).split(np.r_[X, U], marked):
        assert set(range(40, 110)) <= set(train)
        assert test.max() < 40


def test_numbers_beside_nan():
    numbers = X @ [1.0, -2.0, 0.5]
    net = clone(NUMBERS).fit(np.r_[X, U], np.r_[numbers, np.full(70, np.nan)])
    same(net, clone(NUMBERS).fit(X, numbers, X_unlabeled=U))
    minus_one = np.r_[numbers[:-1], -1.0]
    assert clone(NUMBERS).fit(X, minus_one).loss_ == clone(NUMBERS).fit(X, minus_one).loss_
    same(clone(NUMBERS).fit(X, np.full(40, -1.0)), clone(NUMBERS).fit(X, np.full(40, -1.0)))


def test_both_ways_at_once():
    marked = np.r_[y, np.full(30, -1)]
    net = clone(NET).fit(np.r_[X, U[40:]], marked, X_unlabeled=U[:40])
    same(net, clone(NET).fit(X, y, X_unlabeled=U))


def test_minus_one_is_a_label_where_it_is_one_of_two_classes():
    net = clone(NET).fit(X, np.where(y == 1, 1, -1))
    np.testing.assert_array_equal(net.classes_, [-1, 1])
    np.testing.assert_array_equal(net.predict_proba(X), clone(NET).fit(X, y).predict_proba(X))
    known = clone(NET).partial_fit(X, y, classes=[0, 1])
    known.partial_fit(np.r_[X[y == 1], U], np.r_[np.ones((y == 1).sum()), np.full(70, -1)])
    np.testing.assert_array_equal(known.classes_, [0, 1])


def test_without_such_a_regularizer_minus_one_is_a_class_and_nan_an_error():
    off = clone(NET).set_params(entropy=0, vat=0)
    assert list(off.fit(np.r_[X, U], MARKED["minus one"]).classes_) == [-1, 0, 1]
    with pytest.raises(ValueError, match="NaN"):
        off.fit(np.r_[X, U], MARKED["nan"])
    with pytest.raises(ValueError, match="NaN"):
        NetRegressor().fit(X, np.r_[X[:39, 0], np.nan])


@pytest.mark.parametrize(("data", "sentence"), [
    ((X, np.full(40, np.nan)), "y labels no row: NaN, None and, of classes, -1 stand for no label"),
    ((X, np.full(40, -1)), "y holds one class, -1; a classifier needs at least 2 classes"),
    ((X, np.r_[np.nan, np.ones(39)]), "y holds one class, 1.0; a classifier needs at least 2"),
    ((X[:30], np.full(40, -1)), "inconsistent numbers of samples"),
    ((X, y, None, None, None, U[:, :2]), "X_unlabeled must look like X, and does not: X has"),
    ((X, y, None, None, None, U[:0]), "X_unlabeled must look like X, and does not: Foun"),
    ((X, y, None, None, None, U * np.nan), "X_unlabeled must look like X, and does not: Inpu"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(data, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        clone(NET).fit(*data)


def test_rows_that_nobody_looks_at_are_warned_of():
    off = clone(NET).set_params(entropy=0, vat=0)
    with pytest.warns(UserWarning, match="X_unlabeled was given, and no regularizer that uses it"):
        net = off.fit(X, y, X_unlabeled=U)
    same(net, clone(off).fit(X, y))


# ---------------------------------------------------------------------- kinds of rows


def test_weights_and_classes_are_those_of_labelled_rows():
    weight = RNG.random(110) + 0.1
    net = clone(NET).set_params(class_weight="balanced")
    marked = clone(net).fit(np.r_[X, U], MARKED["minus one"], sample_weight=weight)
    same(marked, clone(net).fit(X, y, sample_weight=weight[:40], X_unlabeled=U))


def test_frames_sparse_matrices_and_other_dtypes():
    expected = clone(NET).fit(X, y, X_unlabeled=U)
    frame, others = (pd.DataFrame(rows, columns=list("abc")) for rows in (X, U))
    same(clone(NET).fit(frame, y, X_unlabeled=others), expected)
    same(clone(NET).fit(pd.concat([frame, others]), MARKED["minus one"]), expected)
    same(clone(NET).fit(csr_array(X), y, X_unlabeled=csr_array(U)), expected)
    same(clone(NET).fit(coo_array(np.r_[X, U]), MARKED["minus one"]), expected)
    same(clone(NET).fit(X, y, X_unlabeled=U.tolist()), expected)
    single = clone(NET).fit(X.astype(np.float32), y, X_unlabeled=U)
    assert single.coefs_[0].dtype == np.float32


def test_a_large_sparse_matrix_is_made_dense_batch_by_batch(monkeypatch):
    monkeypatch.setattr("wellposed._arrays._DENSE_BYTES", 0)
    net = clone(NET).fit(csr_array(X), y, X_unlabeled=csr_array(U))
    monkeypatch.undo()
    same(net, clone(NET).fit(X, y, X_unlabeled=U))


# ---------------------------------------------------------------------- batches


def batches(net, n, monkeypatch, U=U):
    """The first n batches without labels of a fit, and the labelled ones."""
    requests = []
    run = NetClassifier._run
    monkeypatch.setattr(
        NetClassifier, "_run", lambda self, request: requests.append(request) or run(self, request)
    )
    net.fit(X, y, X_unlabeled=U)
    monkeypatch.undo()
    stack = Stack(requests)
    return [stack.unlabeled.next() for _ in range(n)], [stack.batches.next() for _ in range(n)]


def test_each_row_is_seen_once_in_their_own_epoch(monkeypatch):
    net = clone(NET).set_params(unlabeled_batch_size=30)
    found, _ = batches(net, 6, monkeypatch)
    assert [int((batch.weight > 0).sum()) for batch in found] == [30, 30, 10] * 2
    for epoch in (found[:3], found[3:]):
        rows = torch.cat([batch.x[0, :3, batch.weight[0, 0] > 0].T for batch in epoch])
        np.testing.assert_array_equal(np.sort(rows.numpy(), 0), np.sort(U, 0))
    assert not torch.equal(found[0].x, found[3].x)
    for batch in found:
        torch.testing.assert_close(batch.weight.sum(), torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize(
    ("size", "batch_size", "expected"),
    [("auto", 16, 16), ("auto", "auto", 70), ("auto", None, 70), (None, 16, 70), (500, 16, 70)],
)
def test_how_many_a_step_sees(size, batch_size, expected, monkeypatch):
    net = clone(NET).set_params(unlabeled_batch_size=size, batch_size=batch_size)
    (first,), _ = batches(net, 1, monkeypatch)
    assert int((first.weight > 0).sum()) == expected


def test_they_change_no_labelled_batch(monkeypatch):
    _, some = batches(clone(NET), 9, monkeypatch, U)
    _, others = batches(clone(NET), 9, monkeypatch, U[:20])
    for ours, theirs in zip(some, others):
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.target, theirs.target)


def test_held_out_rows_have_labels():
    net = clone(NET).set_params(early_stopping=True, validation_fraction=0.25, max_epochs=20)
    marked = net.fit(np.r_[X, U], MARKED["minus one"])
    fitted = clone(net).fit(X, y, X_unlabeled=U)
    same(marked, fitted)
    assert fitted.validation_loss_curve_ == marked.validation_loss_curve_
    for retrain in ("updates", "passes"):
        again = clone(net).set_params(retrain=retrain).fit(X, y, X_unlabeled=U)
        assert again.loss_ != clone(net).set_params(retrain=retrain).fit(X, y).loss_


def test_a_pass_of_partial_fit_sees_the_rows_it_is_given():
    net = clone(NET).partial_fit(np.r_[X, U], MARKED["minus one"], classes=[0, 1])
    once = clone(NET).set_params(max_epochs=1).fit(X, y, X_unlabeled=U)
    same(net, once)
    net.partial_fit(X, y)
    assert net.n_iter_ == 2


def test_members_of_an_ensemble_see_them_and_are_scored_by_labelled_rows():
    net = clone(NET).set_params(n_members=2, bootstrap=True)
    marked = clone(net).fit(np.r_[X, U], MARKED["minus one"])
    given = clone(net).fit(X, y, X_unlabeled=U)
    np.testing.assert_array_equal(marked.predict_proba(U), given.predict_proba(U))
    assert marked.oob_score_ == given.oob_score_
    assert given.loss_ != clone(net).fit(X, y).loss_


def test_a_warm_start_and_callbacks():
    net = clone(NET).set_params(warm_start=True).fit(X, y, X_unlabeled=U)
    before = net.loss_
    assert net.fit(X, y, X_unlabeled=U).loss_ < before
    told = clone(NET).set_params(callbacks=[]).fit(X, y, X_unlabeled=U)
    same(told, clone(NET).set_params(verbose=0).fit(X, y, X_unlabeled=U))
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(U), net.predict_proba(U))


# ---------------------------------------------------------------------- meta-estimators


def test_the_holder():
    holder = Unlabeled(U)
    assert len(holder) == 1
    assert repr(Unlabeled([[1]])) == "Unlabeled([[1]])"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(holder))[0], U)
    same(clone(NET).fit(X, y, X_unlabeled=holder), clone(NET).fit(X, y, X_unlabeled=U))


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_search_cuts_an_array_of_as_many_rows_and_not_the_holder(routing):
    net = clone(NET).set_fit_request(X_unlabeled=True)
    as_many, folds = U[:40], KFold(4)
    scores = {}
    for how, rows in (("array", as_many), ("holder", Unlabeled(as_many))):
        search = GridSearchCV(net, {"entropy": [0.1, 0.5]}, cv=folds, scoring="neg_log_loss")
        scores[how] = search.fit(X, y, X_unlabeled=rows).cv_results_["split0_test_score"]
    train, test = next(folds.split(X))
    fitted = clone(NET).set_params(entropy=0.1).fit(X[train], y[train], X_unlabeled=as_many)
    p = fitted.predict_proba(X[test])[np.arange(len(test)), y[test]]
    assert scores["holder"][0] == pytest.approx(np.log(p).mean(), rel=1e-12)
    assert scores["array"][0] != scores["holder"][0]


def test_a_pipeline_scales_them_like_the_others(routing):
    net = clone(NET).set_fit_request(X_unlabeled=True, X_val=True, y_val=True)
    steps = [("scale", StandardScaler()), ("net", net)]
    pipe = Pipeline(steps, transform_input=["X_unlabeled", "X_val"])
    scaler = StandardScaler().fit(5 * X + 1)
    given = {"X_val": 5 * X[:9] + 1, "y_val": y[:9]}
    scaled = {"X_val": scaler.transform(given["X_val"]), "y_val": y[:9]}
    for rows in (5 * U + 1, Unlabeled(5 * U + 1)):
        pipe.fit(5 * X + 1, y, X_unlabeled=rows, **given)
        others = scaler.transform(5 * U + 1)
        expected = clone(NET).fit(scaler.transform(5 * X + 1), y, X_unlabeled=others, **scaled)
        same(pipe[-1], expected)
        assert pipe[-1].validation_loss_curve_ == expected.validation_loss_curve_


def test_alone_and_together(routing):
    net = clone(NET).set_fit_request(X_unlabeled=True)
    grid = {"entropy": [0.0, 0.3], "l2": [0.0, 0.1]}
    search = GridSearchCV(net, grid, cv=3, scoring="neg_log_loss")
    alone = clone(search).fit(X, y, X_unlabeled=Unlabeled(U)).cv_results_
    with fit_together() as scheduler:
        together = clone(search).fit(X, y, X_unlabeled=Unlabeled(U)).cv_results_
    np.testing.assert_array_equal(alone["mean_test_score"], together["mean_test_score"])
    assert scheduler.stack_sizes == [3] * 4


@pytest.mark.parametrize("how", ["minus one", "nan", "none"])
def test_folds_keep_them_in_training(how):
    marked = np.asarray(MARKED[how])
    splits = list(KeepUnlabeled(4).split(np.r_[X, U], marked))
    for (train, test), (own_train, own_test) in zip(splits, StratifiedKFold(4).split(X, y)):
        np.testing.assert_array_equal(test, own_test)
        np.testing.assert_array_equal(train, np.r_[own_train, np.arange(40, 110)])
    assert KeepUnlabeled(4).get_n_splits(X, y) == len(splits) == 4
    assert repr(KeepUnlabeled(4)) == "KeepUnlabeled(cv=4)"


def test_folds_of_numbers_and_of_groups():
    numbers = np.r_[np.full(40, -1.0), np.full(70, np.nan)]
    tests = [test for _, test in KeepUnlabeled(4, classifier=False).split(np.r_[X, U], numbers)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(40))
    groups = np.r_[np.arange(40) % 5, np.zeros(70)]
    for train, test in KeepUnlabeled(GroupKFold(5)).split(np.r_[X, U], MARKED["nan"], groups):
        assert len(set(groups[test])) == 1
        assert set(range(40, 110)) <= set(train)
    with pytest.raises(ValueError, match="y labels no row"):
        list(KeepUnlabeled().split(U, np.full(70, np.nan)))


def test_a_search_over_marked_rows():
    rows, marked = np.r_[X, U], MARKED["minus one"]
    grid = {"entropy": [0.05, 0.3]}
    search = GridSearchCV(clone(NET), grid, cv=KeepUnlabeled(4)).fit(rows, marked)
    train, test = next(KeepUnlabeled(4).split(rows, marked))
    fitted = clone(NET).set_params(entropy=0.05).fit(rows[train], marked[train])
    assert search.cv_results_["split0_test_score"][0] == fitted.score(rows[test], marked[test])
