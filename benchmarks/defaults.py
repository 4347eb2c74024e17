"""Which step size, schedule, batch, epochs and first weights serve as defaults?

    wellposed run benchmarks/defaults.py
    wellposed verify -v benchmarks/defaults.py

Chosen on eight real tables and tested on eight others. Regularizers are off, and the network is the
default one, of a hundred hidden units.
"""

import numpy as np

from wellposed_studies import Study, by_profile
from wellposed_studies.claims import at_least, at_most, mean, mean_difference
from wellposed_studies.loading.tables import table

CHOSEN_ON = ("wine", "digits", "hearts", "party", "affairs", "diabetes", "autompg", "chicken")
TESTED_ON = (
    "breast_cancer", "mnist", "penguins", "arrests", "boston", "abalone", "doctor", "schools",
)  # fmt: skip
MAX_ROWS = 1500
DEFAULT = {"rate": 1e-3, "schedule": "constant", "batch": 200, "epochs": 200, "init": "glorot"}

study = Study(
    title="Which defaults serve?",
    summary="Step sizes, schedules, batches and first weights on sixteen real tables.",
    version=1,
    minutes={"quick": 20.0, "full": 200.0},
    data={name: table(name, MAX_ROWS) for name in (*CHOSEN_ON, *TESTED_ON)},
    side_by_side=True,
)


@study.prepare
def prepare(data, rng, profile):
    return data


def split(cell):
    """A third of the rows is tested on; the same one for every setting of a repetition."""
    from sklearn.model_selection import train_test_split

    X, y = cell.data.X, cell.data.y
    seed = int(cell.rng("split").integers(2**31))
    strata = y if y.dtype.kind == "i" else None
    return train_test_split(X, y, test_size=1 / 3, random_state=seed, stratify=strata)


def score(cell, model):
    """Accuracy or R^2 on the rows left out; columns and numeric targets are standardised."""
    from sklearn.base import is_classifier
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, X_test, y, y_test = split(cell)
    pipe = make_pipeline(StandardScaler(), model)
    if not is_classifier(model):
        pipe = TransformedTargetRegressor(pipe, transformer=StandardScaler())
    return {"score": float(pipe.fit(X, y).score(X_test, y_test))}


def network(cell, **params):
    from wellposed import NetClassifier, NetRegressor

    classes = cell.data.y.dtype.kind == "i"
    return (NetClassifier if classes else NetRegressor)(random_state=cell.seed, **params)


@study.experiment(
    data=(*CHOSEN_ON, *TESTED_ON),
    rate=[1e-3, 3e-3, 1e-2],
    schedule=["constant", "cosine"],
    batch=[32, 200],
    epochs=[100, 200],
    init=["glorot"],
    repetitions=by_profile(quick=3, full=10),
)
def settings(cell, rate, schedule, batch, epochs, init):
    return score(
        cell,
        network(
            cell,
            learning_rate=rate,
            learning_rate_schedule=schedule,
            batch_size=batch,
            max_epochs=epochs,
            init=init,
        ),
    )


@study.experiment(
    data=(*CHOSEN_ON, *TESTED_ON),
    method=["scikit-learn's MLP", "linear"],
    repetitions=by_profile(quick=3, full=10),
)
def peers(cell, method):
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    classes = cell.data.y.dtype.kind == "i"
    if method == "linear":
        return score(cell, LogisticRegressionCV() if classes else RidgeCV(np.logspace(-3, 3, 13)))
    return score(cell, (MLPClassifier if classes else MLPRegressor)(random_state=cell.seed))


def means(results):
    """Mean scores: a row a table, a column a setting."""
    table = results["settings"].table()
    return table.groupby(["data", *DEFAULT])["score"].mean().unstack(list(DEFAULT))


def gains(results):
    """What the setting that is best on the choosing tables gains over the default, by table."""
    scores = means(results)
    best = scores.loc[list(CHOSEN_ON)].mean().idxmax()
    return scores[best] - scores[tuple(DEFAULT.values())]


@study.claim(
    "No other setting is better by a hundredth on tables that it was not chosen on.",
    at_most(0.01),
    measured="accuracy or R^2 gained by the best of 24 settings, mean over the eight other tables",
    oracle="the default setting on the same splits",
    source="practice",
)
def the_default_serves(results):
    return mean(gains(results)[list(TESTED_ON)].to_numpy())


@study.claim(
    "The default is level with scikit-learn's MLP.",
    at_least(-0.01),
    measured="difference of accuracy or R^2, mean over the sixteen tables",
    oracle="MLPClassifier and MLPRegressor at their defaults on the same splits",
    source="practice",
)
def level_with_scikit_learn(results):
    ours = means(results)[tuple(DEFAULT.values())]
    table = results["peers"].table()
    theirs = table[table["method"] == "scikit-learn's MLP"].groupby("data")["score"].mean()
    return mean_difference(ours.to_numpy(), theirs[ours.index].to_numpy())


@study.derived
def best_settings(results):
    """The ten best settings on the choosing tables, with their means on both halves."""
    scores = means(results)
    table = scores.T.assign(
        chosen_on=scores.loc[list(CHOSEN_ON)].mean(), tested_on=scores.loc[list(TESTED_ON)].mean()
    )
    return table.sort_values("chosen_on", ascending=False).head(10).reset_index()
