"""What the study states before it runs."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...claims import Claim, at_least, at_most, within
from .evidence import (
    DRAWN,
    better,
    interpolates,
    l2_order,
    largest,
    log_linear,
    minimum_norm_drawn,
    moving_hurts,
    penalty_pays,
    per_decade,
    recovers,
    smallest,
    spread_ratio,
    stops,
)

CLAIMS = [
    Claim(
        name="flat-valley",
        statement="Moving along the null space of X leaves the training error as it is.",
        measured="largest change over moves of up to three norms, a share of the targets' mean "
        "square",
        threshold=at_most(1e-10),
        oracle="null space by SVD",
        source="7.3",
        test=partial(largest, column="train_change", question="null space"),
    ),
    Claim(
        name="moving-hurts",
        statement="For rows drawn from a real table, moving along the null space of X makes "
        "predictions of the others worse.",
        measured="test error after a move by the solution's own norm, less that at the solution, "
        "as a share",
        threshold=at_least(0.01),
        oracle="rows that were not trained on",
        source="7.3",
        test=moving_hurts,
        data="diabetes",
    ),
    Claim(
        name="interpolates",
        statement="Gradient descent, momentum, Adam and a random start all reach training error "
        "zero, in every run.",
        measured="largest training error, a share of the targets' mean square",
        threshold=at_most(1e-6),
        oracle="the rows themselves",
        source="7.3",
        test=interpolates,
    ),
    Claim(
        name="minimum-norm-drawn",
        statement="Gradient descent from zero, with or without momentum, ends in the solution of "
        "least norm.",
        measured="largest relative distance",
        threshold=at_most(1e-10),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=minimum_norm_drawn,
        data=DRAWN,
    ),
    Claim(
        name="minimum-norm-diabetes",
        statement="On a real table, gradient descent with momentum from zero ends in the solution "
        "of least norm.",
        measured="largest relative distance",
        threshold=at_most(1e-6),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=partial(largest, column="distance", question="minimum norm", solver="momentum"),
        data="diabetes",
    ),
    Claim(
        name="adam-differs",
        statement="Adam from zero interpolates and ends elsewhere.",
        measured="least relative distance from the solution of least norm",
        threshold=at_least(0.05),
        oracle="numpy.linalg.pinv",
        source="7.3; Wilson 2017",
        test=partial(smallest, column="distance", question="minimum norm", solver="adam"),
    ),
    Claim(
        name="start-decides",
        statement="A random start ends in the solution of least norm but for its own part in the "
        "null space, which it keeps.",
        measured="largest relative distance between the two in the row space",
        threshold=at_most(1e-6),
        oracle="numpy.linalg.pinv",
        source="7.3",
        test=partial(
            largest, column="row_space_distance", question="minimum norm", solver="random start"
        ),
    ),
    Claim(
        name="l2-limit",
        statement="L2 with a strength that goes to zero gives the solution of least norm.",
        measured="largest relative distance at the weakest strength",
        threshold=at_most(1e-6),
        oracle="numpy.linalg.pinv",
        source="7.3; pseudoinverse, eq. 7.29",
        test=partial(largest, column="last_distance", question="l2 to zero"),
        data=DRAWN,
    ),
    Claim(
        name="l2-order",
        statement="L2 comes nearer to the solution of least norm in proportion to its strength.",
        measured="slope of log distance against log strength",
        threshold=within(0.9, 1.1),
        oracle="eq. 7.13, to first order",
        source="7.1.1, eq. 7.13",
        test=l2_order,
        data=DRAWN,
    ),
    Claim(
        name="l1-limit",
        statement="L1 with a strength that goes to zero, down a warm-started path, gives the "
        "solution of least 1-norm.",
        measured="largest relative difference of the 1-norms",
        threshold=at_most(1e-6),
        oracle="basis pursuit by scipy.optimize.linprog",
        source="7.3; Chen 1998",
        test=partial(largest, column="excess_norm", question="minimum l1"),
    ),
    Claim(
        name="l1-support",
        statement="The end of the L1 path and the solution of least 1-norm have the same weights "
        "different from zero.",
        measured="largest number of weights in one support only; what is below 1e-5 of the "
        "largest weight is zero",
        threshold=at_most(0),
        oracle="basis pursuit by scipy.optimize.linprog",
        source="7.3; Chen 1998",
        test=partial(largest, column="wrong_support", question="minimum l1"),
    ),
    Claim(
        name="norm-grows",
        statement="On separable classes without penalty the norm grows linearly in log t: as much "
        "in the last decade of steps as in the one before.",
        measured="largest change of the slope against log t from the one to the other, a share",
        threshold=at_most(0.1),
        oracle="straight lines by least squares",
        source="7.3; Soudry 2018",
        test=log_linear,
    ),
    Claim(
        name="norm-stops",
        statement="On separable classes with L2 the norm stops growing.",
        measured="largest relative change over the last decade of steps",
        threshold=at_most(1e-3),
        oracle="the recorded norms",
        source="7.3",
        test=stops,
    ),
    Claim(
        name="angle-falls",
        statement="On separable classes without penalty the direction turns toward that of maximum "
        "margin.",
        measured="least fall of the angle per decade of steps, degrees",
        threshold=at_least(0),
        oracle="scikit-learn's linear SVC with C = 1e6",
        source="Soudry 2018",
        test=partial(per_decade, column="angle", sign=-1),
    ),
    Claim(
        name="margin-rises",
        statement="On separable classes without penalty the normalised margin rises.",
        measured="least rise per decade of steps, a share of the maximum margin",
        threshold=at_least(0),
        oracle="scikit-learn's linear SVC with C = 1e6",
        source="Soudry 2018",
        test=partial(per_decade, column="margin", sign=1),
    ),
    Claim(
        name="l2-filter",
        statement="L2 shrinks along the Hessian's eigenvectors by λ / (λ + α), and to zero along "
        "the null space.",
        measured="largest error of a coordinate, a share of the norm",
        threshold=at_most(1e-6),
        oracle="eigenvectors by SVD, minimum-norm solution by pinv",
        source="7.1.1, eq. 7.13",
        test=partial(largest, column="filter_error", question="shrinkage"),
    ),
    Claim(
        name="l2-no-zeros",
        statement="L2 sets no weight to zero.",
        measured="largest number of exact zeros over five strengths",
        threshold=at_most(0),
        oracle="counting",
        source="7.1.2",
        test=partial(largest, column="l2_zeros", question="shrinkage"),
        kind="identity",
    ),
    Claim(
        name="l1-thresholds",
        statement="On principal axes L1 is soft thresholding.",
        measured="largest relative distance from the formula",
        threshold=at_most(1e-6),
        oracle="eq. 7.23 by numpy",
        source="7.1.2, eq. 7.23",
        test=partial(largest, column="threshold_error", question="soft thresholds"),
        data="diabetes",
    ),
    Claim(
        name="l1-zeros",
        statement="On principal axes L1 gives exactly the zeros of soft thresholding.",
        measured="largest number of weights that are zero in one of the two only",
        threshold=at_most(0),
        oracle="eq. 7.23 by numpy",
        source="7.1.2, eq. 7.23",
        test=partial(largest, column="different_zeros", question="soft thresholds"),
        data="diabetes",
    ),
    Claim(
        name="sparse-truth",
        statement="Where the truth is sparse, L1 predicts better than L2.",
        measured="excess error saved at the sparsest truth, a share",
        threshold=at_least(0.01),
        oracle="the true weights",
        source="7.1.2; Tibshirani 1996",
        test=partial(better, winner="l1", loser="l2", at=np.min),
        data=DRAWN,
    ),
    Claim(
        name="dense-truth",
        statement="Where the truth is dense, L2 predicts better than L1.",
        measured="excess error saved at the densest truth, a share",
        threshold=at_least(0.01),
        oracle="the true weights",
        source="7.1; Tibshirani 1996",
        test=partial(better, winner="l2", loser="l1", at=np.max),
        data=DRAWN,
    ),
    Claim(
        name="support-found",
        statement="L1 at the strength that predicts best keeps the weights that matter.",
        measured="share of the true non-zeros that it finds, at the sparsest truth",
        threshold=at_least(0.9),
        oracle="the true weights",
        source="7.1.2; Tibshirani 1996",
        test=recovers,
        data=DRAWN,
    ),
    *(
        Claim(
            name=f"{penalty}-pays-{data}",
            statement=f"On {title}, {penalty.upper()} predicts better than no penalty: for "
            "rows drawn from this table, on its other rows.",
            measured="share of the test error saved, at a strength chosen on other repetitions",
            threshold=at_least(0.01),
            oracle="gradient descent from zero on the same rows",
            source="7.3",
            test=partial(penalty_pays, penalty=penalty),
            data=data,
        )
        for data, title in (
            ("diabetes", "a real table of numbers"),
            ("digits", "a real table of classes"),
        )
        for penalty in ("l1", "l2")
    ),
    Claim(
        name="network-interpolates",
        statement="A network with more parameters than rows fits them from every seed that was "
        "tried.",
        measured="largest training error, a share of the targets' variance",
        threshold=at_most(1e-3),
        oracle="the rows themselves",
        source="7.3; Zhang 2017",
        test=partial(largest, column="train_error", question="seeds", treatment="none"),
    ),
    *(
        Claim(
            name=f"agree-{treatment.replace(' ', '-')}",
            statement=f"With {words} the seeds agree at least twice as well, on one training set.",
            measured="spread over seeds, a share of that without: the largest over data sets",
            threshold=at_most(0.5),
            oracle=oracle,
            source=source,
            test=partial(spread_ratio, treatment=treatment, without=without),
        )
        for treatment, words, without, oracle, source in (
            ("l2", "L2", "none", "the same seeds without it, by L-BFGS as well", "7.3; 7.1.1"),
            (
                "early stopping",
                "early stopping",
                "adam",
                "the same seeds after many more steps of Adam",
                "7.3; 7.8",
            ),
        )
    ),
]
