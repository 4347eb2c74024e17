"""A small study of networks that are trained side by side."""

from __future__ import annotations

from wellposed_studies import Study, scikit_learn
from wellposed_studies.claims import at_least, relative_change

study = Study(
    title="Networks",
    summary="A network on a few rows of diabetes.",
    data={"diabetes": scikit_learn("diabetes")},
    repetitions=12,
    side_by_side=True,
)


@study.experiment(l2=[0.0, 0.1], dropout=[0.0, 0.5], solver=["adam", "sgd"])
def networks(cell, **settings):
    from wellposed import NetRegressor

    y = (cell.data.y - 152) / 77
    rows = cell.rng("rows").permutation(len(y))
    train, test = rows[:60], rows[60:]
    net = NetRegressor(
        (16,), max_epochs=400, learning_rate=0.01, random_state=cell.seed, **settings
    )
    prediction = net.fit(cell.data.X[train], y[train]).predict(cell.data.X[test])
    return {"error": float(((prediction - y[test]) ** 2).mean()), "prediction": prediction}


@study.claim("L2 saves.", at_least(-9.0), measured="share", oracle="off", source="7.1")
def saves(results):
    errors = results["networks"].matrix("error", rows=["l2", "dropout"], solver="adam")
    return -relative_change(errors.loc[(0.1, 0.0)].to_numpy(), errors.loc[(0.0, 0.0)].to_numpy())
