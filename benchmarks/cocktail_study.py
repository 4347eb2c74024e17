"""Is a cocktail of 40 draws level with tuned peers on real tables?

    wellposed run benchmarks/cocktail_study.py
    wellposed verify benchmarks/cocktail_study.py

Every method gets the same rows; what it tunes, it tunes on them by three folds.
"""

import numpy as np

from wellposed_studies import Study, by_profile
from wellposed_studies.claims import at_least, least_mean, mean_difference, ranks
from wellposed_studies.loading.tables import table

MAX_ROWS = 500
DRAWS = 40
METHODS = (
    "cocktail", "cocktail by halving", "cocktail by Optuna", "tuned MLP", "linear", "boosting",
    "tuned boosting",
)  # fmt: skip
TABLES = ("wine", "hearts", "diabetes", "schools")

study = Study(
    title="What does a cocktail of regularizers reach?",
    summary="One search over all regularizers next to tuned peers on four real tables.",
    version=1,
    minutes={"quick": 60.0, "full": 200.0},
    data={name: table(name, MAX_ROWS) for name in TABLES},
)


@study.prepare
def prepare(data, rng, profile):
    return data


def networks(classes):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from wellposed import NetClassifier, NetRegressor

    return (NetClassifier, MLPClassifier) if classes else (NetRegressor, MLPRegressor)


def method_of(name, classes, seed):
    """An estimator for standardised columns and targets."""
    from scipy.stats import loguniform, randint
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

    from wellposed import cocktail

    net, mlp = networks(classes)
    search = {"n_iter": DRAWS, "cv": 3, "random_state": seed}
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    if name == "cocktail":
        model = net(random_state=seed)
        return RandomizedSearchCV(model, cocktail(model), **search)
    if name == "cocktail by halving":
        model = net(random_state=seed)
        return HalvingRandomSearchCV(
            model, cocktail(model), n_candidates=2 * DRAWS, resource="max_epochs",
            min_resources=15, max_resources=135, cv=3, random_state=seed,
        )  # fmt: skip
    if name == "tuned MLP":
        space = {
            "alpha": loguniform(1e-6, 10),
            "learning_rate_init": loguniform(1e-3, 3e-2),
            "hidden_layer_sizes": [(64,), (128,), (256,), (128, 128), (256, 256)],
            "early_stopping": [False, True],
        }
        return RandomizedSearchCV(mlp(random_state=seed), space, **search)
    if name == "linear":
        return LogisticRegressionCV() if classes else RidgeCV(np.logspace(-3, 3, 13))
    if name == "boosting":
        return boosting(random_state=seed)
    space = {
        "learning_rate": loguniform(0.01, 0.5),
        "max_leaf_nodes": randint(4, 64),
        "min_samples_leaf": randint(2, 40),
        "l2_regularization": loguniform(1e-6, 10),
    }
    return RandomizedSearchCV(boosting(random_state=seed, max_iter=100), space, **search)


class OptunaSearch:
    """The same number of trials by Optuna's sampler, and the best one fitted to all rows."""

    def __init__(self, net, seed):
        self.net, self.seed = net, seed

    def fit(self, X, y):
        import optuna
        from sklearn.base import clone
        from sklearn.model_selection import cross_val_score

        from wellposed import cocktail

        space = cocktail(self.net)

        def objective(trial):
            candidate = clone(self.net).set_params(**space.suggest(trial))
            return cross_val_score(candidate, X, y, cv=3).mean()

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=self.seed)
        tuned = optuna.create_study(direction="maximize", sampler=sampler)
        tuned.optimize(objective, n_trials=DRAWS)
        best = space.suggest(optuna.trial.FixedTrial(tuned.best_params))
        return clone(self.net).set_params(**best).fit(X, y)


@study.experiment(data=TABLES, method=list(METHODS), repetitions=by_profile(quick=3, full=10))
def compared(cell, method):
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from wellposed import fit_together

    X, y = cell.data.X, cell.data.y
    classes = y.dtype.kind == "i"
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y if classes else None,
        random_state=int(cell.rng("split").integers(2**31)),
    )  # fmt: skip
    columns = StandardScaler().fit(X)
    X, X_test = columns.transform(X), columns.transform(X_test)
    if not classes:
        center, spread = y.mean(), y.std()
        y, y_test = (y - center) / spread, (y_test - center) / spread
    with fit_together(n_trainers=1):
        if method == "cocktail by Optuna":
            model = OptunaSearch(networks(classes)[0](random_state=cell.seed), cell.seed).fit(X, y)
        else:
            model = method_of(method, classes, cell.seed).fit(X, y)
    return {"score": float(model.score(X_test, y_test))}


def scores(results):
    """Mean scores: a row a table, a column a method."""
    table = results["compared"].table()
    return table.groupby(["data", "method"])["score"].mean().unstack()


def advantage_on_average(results, other):
    means = scores(results)
    return mean_difference(means["cocktail"].to_numpy(), means[other].to_numpy())


@study.claim(
    "On average over the tables the cocktail is level with tuned boosting, or better.",
    at_least(-0.01),
    measured="mean difference of accuracy or R^2 over tables",
    oracle="HistGradientBoosting, tuned by as many draws",
    source="Kadra et al. 2021",
)
def level_with_boosting(results):
    return advantage_on_average(results, "tuned boosting")


@study.claim(
    "On average over the tables the cocktail is better than scikit-learn's tuned MLP.",
    at_least(0),
    measured="mean difference of accuracy or R^2 over tables",
    oracle="MLPClassifier and MLPRegressor, tuned by as many draws",
    source="Kadra et al. 2021",
)
def better_than_the_tuned_mlp(results):
    return advantage_on_average(results, "tuned MLP")


@study.claim(
    "On every table the cocktail is level with the tuned MLP and with the linear model, or better.",
    at_least(-0.02),
    measured="least mean difference of accuracy or R^2, of four tables and both peers",
    oracle="MLPClassifier and MLPRegressor, tuned; LogisticRegressionCV and RidgeCV",
    source="Kadra et al. 2021",
)
def level_on_every_table(results):
    table = results["compared"].table()
    wide = table.pivot(index=["data", "repetition"], columns="method", values="score")
    differences = {
        f"{name}, {other}": (wide["cocktail"] - wide[other]).loc[name].to_numpy()
        for name in TABLES
        for other in ("tuned MLP", "linear")
    }
    return least_mean(np.stack([*differences.values()]), [*differences])


@study.claim(
    "By ranks over the tables the cocktail is ahead of the linear model.",
    at_least(0),
    measured="difference of mean ranks, linear model minus cocktail",
    oracle="LogisticRegressionCV and RidgeCV",
    source="Kadra et al. 2021; Demsar 2006",
)
def ahead_of_linear(results):
    return ranks(-scores(results)).ahead("cocktail", "linear")
