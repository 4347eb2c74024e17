"""Tables, dtypes and memory layouts of X and y: the values count, not their container."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import _NotAnArray

from wellposed import NetClassifier, NetRegressor, fit_together

X, y = load_iris(return_X_y=True)
X, y = X[::2], y[::2]
NET = NetClassifier((5,), max_epochs=5, random_state=0)
EXPECTED = clone(NET).fit(X, y).predict_proba(X)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("The training loss is", "The objective was still falling"):  # 5 epochs
            warnings.filterwarnings("ignore", text, ConvergenceWarning)
        yield


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every second column": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
    "negative strides": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "list": np.ndarray.tolist,
    "object": lambda array: array.astype(object),
    "duck": _NotAnArray,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_X_does_not_matter(layout):
    given = LAYOUTS[layout](X)
    net = clone(NET).fit(given, y)
    np.testing.assert_array_equal(net.predict_proba(X), EXPECTED)
    np.testing.assert_array_equal(net.predict_proba(given), EXPECTED)


@pytest.mark.parametrize("layout", ["fortran", "negative strides", "read-only", "list"])
def test_the_layout_of_targets_weights_and_validation_rows_does_not_matter(layout):
    change = LAYOUTS[layout]
    targets, weight = X[:, :2] * 1.0, np.linspace(1, 2, len(X))[:, None]
    net = NetRegressor((3,), max_epochs=3, random_state=0)
    expected = clone(net).fit(X, targets, weight.ravel(), X_val=X, y_val=targets)
    weight = change(weight)
    weight = np.ravel(weight) if layout == "list" else weight[:, 0]
    given = clone(net).fit(X, change(targets), weight, X_val=change(X), y_val=change(targets))
    np.testing.assert_array_equal(given.predict(X), expected.predict(X))
    assert given.validation_loss_curve_ == expected.validation_loss_curve_


def test_what_is_given_is_not_changed():
    X_given, y_given, w = X.copy(), y.copy(), np.linspace(0, 1, len(X))
    before = [array.copy() for array in (X_given, y_given, w)]
    clone(NET).set_params(input_noise=0.1, class_weight="balanced").fit(X_given, y_given, w)
    for given, was in zip((X_given, y_given, w), before):
        np.testing.assert_array_equal(given, was)


def test_a_table_gives_the_features_their_names():
    frame = pd.DataFrame(X, columns=NAMES)
    net = clone(NET).fit(frame, pd.Series(y, index=frame.index + 7))
    assert net.feature_names_in_.tolist() == NAMES
    assert net.n_features_in_ == 4
    np.testing.assert_array_equal(net.predict_proba(frame), EXPECTED)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame[NAMES[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        net.predict(X)
    assert not hasattr(net.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("dtype", ["Float64", "float64[pyarrow]", "float64"])
def test_extension_types_of_pandas_are_numbers(dtype):
    frame = pd.DataFrame(X, columns=NAMES).astype(dtype)
    net = clone(NET).fit(frame, y)
    np.testing.assert_array_equal(net.predict_proba(frame), EXPECTED)
    frame.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match="Input X contains NaN"):
        clone(NET).fit(frame, y)


@pytest.mark.parametrize(
    ("y_given", "classes"),
    [
        (y.astype(str), ["0", "1", "2"]),
        (np.array(["a", "b", "c"], dtype=object)[y], ["a", "b", "c"]),
        (pd.Series(np.array(["a", "b", "c"])[y]), ["a", "b", "c"]),
        (pd.Series(np.array(["a", "b", "c"])[y], dtype="category"), ["a", "b", "c"]),
        (pd.Series(np.array(["a", "b", "c"])[y], dtype="string"), ["a", "b", "c"]),
        (pd.Series(y, dtype="Int64"), [0, 1, 2]),
        (y.astype(float), [0.0, 1.0, 2.0]),
        (y.tolist(), [0, 1, 2]),
        (-10 * (2 - y), [-20, -10, 0]),
    ],
    ids=lambda value: str(getattr(value, "dtype", type(value).__name__)),
)
def test_labels_may_be_of_any_type(y_given, classes):
    net = clone(NET).fit(X, y_given)
    assert net.classes_.tolist() == classes
    np.testing.assert_array_equal(net.predict_proba(X), EXPECTED)
    expected = np.array(classes, dtype=object)[EXPECTED.argmax(1)]
    assert net.predict(X).tolist() == expected.tolist()
    assert net.score(X, np.asarray(y_given)) == (EXPECTED.argmax(1) == y).mean()


@pytest.mark.parametrize("dtype", [bool, "boolean"])
def test_labels_may_be_true_and_false(dtype):
    net = clone(NET).fit(X, pd.Series(y == 0, dtype=dtype))
    assert net.classes_.tolist() == [False, True]
    if dtype is bool:  # scikit-learn makes numbers of the other kind
        assert net.predict(X).dtype == bool
    expected = clone(NET).fit(X, (y == 0).astype(int))
    np.testing.assert_array_equal(net.predict_proba(X), expected.predict_proba(X))


def test_auto_dtype_follows_X_and_predictions_are_as_precise_as_the_best_of_both():
    targets = X[:, 0]
    nets = {
        (given, wanted): NetRegressor((3,), dtype=wanted, max_epochs=2, random_state=0).fit(
            X.astype(given), targets
        )
        for given in ("float32", "float64", "float16", "int64")
        for wanted in ("auto", "float32", "float64")
    }
    for (given, wanted), net in nets.items():
        automatic = "float32" if given == "float32" else "float64"
        dtype = automatic if wanted == "auto" else wanted
        assert net.coefs_[0].dtype == dtype
        assert net.predict(X.astype("float32")).dtype == dtype
        assert net.predict(X).dtype == "float64"
    single, double = nets["float32", "float32"], nets["float64", "float64"]
    gap = np.abs(single.predict(X) - double.predict(X)).max()
    assert 0 < gap < 1e-4


def test_predictions_do_not_depend_on_the_rows_beside_them():
    net = NetRegressor((20,), dtype="float32", max_epochs=2, random_state=0).fit(X, X[:, 0])
    together = net.predict(X)
    alone = np.concatenate([net.predict(row[None]) for row in X])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("limit", [0, 1 << 26], ids=["by the batch", "at once"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "lbfgs"},
        {"batch_size": 20, "input_noise": 0.1, "dropout": 0.2},
        {"early_stopping": True, "retrain": "continue", "batch_size": 20},
        {"callbacks": [], "verbose": 1, "early_stopping": True, "batch_size": 20},
    ],
    ids=lambda settings: " ".join(settings) or "default",
)
def test_sparse_X_is_as_its_dense_form(settings, limit, container, monkeypatch, capsys):
    monkeypatch.setattr("wellposed._arrays._DENSE_BYTES", limit)
    net = clone(NET).set_params(**settings)
    given = container(X)
    before = given.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found, expected = clone(net).fit(given, y), clone(net).fit(X, y)
    assert (given != before).nnz == 0
    for a, b in zip(found.coefs_ + found.intercepts_, expected.coefs_ + expected.intercepts_):
        np.testing.assert_array_equal(a, b)
    curves = [getattr(net, "validation_loss_curve_", []) for net in (found, expected)]
    np.testing.assert_allclose(*curves, rtol=1e-12)
    np.testing.assert_array_equal(found.predict_proba(given), expected.predict_proba(X))


@pytest.mark.parametrize("limit", [0, 1 << 26], ids=["by the batch", "at once"])
def test_a_sparse_X_with_duplicates_is_left_as_it_is(limit, monkeypatch):
    """Two numbers at one place are their sum; arrays that cannot be written are read only."""
    monkeypatch.setattr("wellposed._arrays._DENSE_BYTES", limit)
    rows = np.repeat(np.arange(75), 3)
    columns = np.tile([2, 0, 2], 75)
    values = np.random.default_rng(0).normal(size=225)
    given = sparse.csr_matrix((values, columns, np.arange(0, 226, 3)), shape=(75, 4))
    whole = np.zeros((75, 4))
    np.add.at(whole, (rows, columns), values)
    before = [part.copy() for part in (given.data, given.indices, given.indptr)]
    for part in (given.data, given.indices, given.indptr):
        part.flags.writeable = False
    net = NetRegressor((4,), max_epochs=3, random_state=0)
    found = clone(net).fit(given, values[::3])
    for part, was in zip((given.data, given.indices, given.indptr), before, strict=True):
        np.testing.assert_array_equal(part, was)
    expected = clone(net).fit(whole, values[::3])
    np.testing.assert_array_equal(found.predict(given), expected.predict(whole))


def test_large_sparse_X_is_never_made_dense_whole():
    n, m = 1000, 200_000  # 1.6 GB
    rng = np.random.default_rng(0)
    wide = sparse.random(n, m, 1e-4, format="csr", random_state=0)
    rare = sparse.csr_array(rng.integers(0, 2, (n, 2)).astype(float))
    wide = sparse.hstack([rare, wide], format="csr")
    labels = rare.toarray()[:, 0].astype(int)
    tracemalloc.start()
    net = NetClassifier((), max_epochs=3, batch_size=8, learning_rate=0.05, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        score = net.fit(wide, labels).score(wide, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert score > 0.9
    assert peak < 4e8


def test_sparse_rows_meet_in_a_block_with_equal_ones_only():
    wide = sparse.random(90, 30, 0.2, format="csr", random_state=0)
    other = wide.copy()
    other.data[-1] += 1.0
    labels = np.arange(90) % 3
    expected = [clone(NET).fit(rows, labels).coefs_[0] for rows in (wide, other)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wellposed._arrays._DENSE_BYTES", 0)
        with fit_together() as found:
            models = Parallel()(delayed(clone(NET).fit)(rows, labels) for rows in (wide, other))
    assert found.stack_sizes == [2]
    for model, coefs in zip(models, expected):
        np.testing.assert_array_equal(model.coefs_[0], coefs)


def test_labels_may_be_text_of_several_types():
    labels = np.array(["a", np.str_("b"), "c"] * 25, dtype=object)
    assert clone(NET).fit(X, labels).classes_.tolist() == ["a", "b", "c"]
