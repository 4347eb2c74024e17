"""Inside scikit-learn's meta-estimators a network is what it is outside of them."""

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.model_selection import FixedThresholdClassifier, KFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor

X, y = load_iris(return_X_y=True)
CLASSES = NetClassifier((4,), dropout=0.1, max_epochs=5, random_state=0)
NUMBERS = NetRegressor((4,), dropout=0.1, max_epochs=5, random_state=0)


def test_one_against_the_rest_is_a_net_for_each_class():
    ovr = OneVsRestClassifier(CLASSES).fit(X, y)
    for k, net in enumerate(ovr.estimators_):
        expected = clone(CLASSES).fit(X, (y == k).astype(int))
        np.testing.assert_array_equal(net.decision_function(X), expected.decision_function(X))


def test_several_outputs_one_by_one_are_a_net_for_each_column():
    Y = X[:, 2:]
    nets = MultiOutputRegressor(NUMBERS).fit(X[:, :2], Y)
    for k in range(2):
        expected = clone(NUMBERS).fit(X[:, :2], Y[:, k]).predict(X[:, :2])
        np.testing.assert_array_equal(nets.predict(X[:, :2])[:, k], expected)


def test_targets_are_transformed_there_and_back():
    X, y = load_diabetes(return_X_y=True)
    scaled = StandardScaler().fit(y[:, None])
    expected = clone(NUMBERS).fit(X, scaled.transform(y[:, None]).ravel()).predict(X)
    regressor = TransformedTargetRegressor(NUMBERS, transformer=StandardScaler()).fit(X, y)
    np.testing.assert_allclose(
        regressor.predict(X), scaled.inverse_transform(expected[:, None]).ravel(), rtol=1e-12
    )


def test_ensembles_average_what_their_members_say():
    members = [(str(seed), clone(CLASSES).set_params(random_state=seed)) for seed in range(2)]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    each = [clone(net).fit(X, y).predict_proba(X) for _, net in members]
    np.testing.assert_allclose(voting.predict_proba(X), np.mean(each, axis=0), rtol=1e-12)
    bagging = BaggingClassifier(CLASSES, n_estimators=3, random_state=0).fit(X, y)
    assert len({net.predict_proba(X)[0, 0] for net in bagging.estimators_}) == 3


def test_out_of_fold_predictions_are_those_of_the_folds():
    folds = KFold(3, shuffle=True, random_state=0)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        together = cross_val_predict(CLASSES, X, y, cv=folds, method=method)
        for train, test in folds.split(X):
            net = clone(CLASSES).fit(X[train], y[train])
            np.testing.assert_allclose(together[test], getattr(net, method)(X[test]), rtol=1e-7)


def test_another_threshold_moves_the_decision():
    net = clone(CLASSES).fit(X, y == 1)
    moved = FixedThresholdClassifier(net, threshold=0.2, response_method="predict_proba")
    np.testing.assert_array_equal(
        moved.fit(X, y == 1).predict(X), net.predict_proba(X)[:, 1] >= 0.2
    )


def test_tables_pass_through_a_pipeline_with_their_names():
    pipeline = make_pipeline(StandardScaler(), clone(CLASSES)).set_output(transform="pandas")
    pipeline.fit(*load_iris(return_X_y=True, as_frame=True))
    names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    assert pipeline[-1].feature_names_in_.tolist() == names
    expected = make_pipeline(StandardScaler(), clone(CLASSES)).fit(X, y).predict_proba(X)
    frame = load_iris(as_frame=True).data
    np.testing.assert_array_equal(pipeline.predict_proba(frame), expected)
