"""The parameters' documentation, written once for both estimators."""

from __future__ import annotations

from inspect import cleandoc
from textwrap import dedent

PARAMETERS = """\
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is the linear model. For ``network="cnn"``, channels of
        each convolution.
    network : {"mlp", "cnn"} or callable, default="mlp"
        The kind of network, or a function ``f(n_inputs, n_outputs) -> torch.nn.Module`` that maps
        (batch, n_inputs) to (batch, n_outputs); `hidden_layer_sizes`, `activation` and
        `fit_intercept` are then the function's own business. ``"cnn"`` takes each row of X for a
        flattened square image of one channel, or of three, channel after channel.
    activation : {"identity", "logistic", "tanh", "relu", "softplus", "gelu", "silu"}, \
default="relu"
        Activation of the hidden layers.
    init : {"auto", "glorot", "he", "zeros"}, default="auto"
        Distribution of the first weights; ``"auto"`` is zero for the linear model and ``"glorot"``
        for the others, as in scikit-learn's MLP.
    fit_intercept : bool, default=True
        Whether units have biases. Biases are never penalised.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        ``"adam"`` and ``"sgd"`` make exactly `max_epochs` passes unless `early_stopping`.
        ``"lbfgs"`` minimises the objective on all rows to `tol` and is the right choice for small,
        smooth problems.
    learning_rate : float, default=0.001
        Step size of sgd and adam.
    momentum : float in [0, 1), default=0.9
        Heavy-ball momentum of sgd.
    batch_size : int, "auto" or None, default="auto"
        Rows a step sees. ``"auto"`` is 200, and all rows for lbfgs; None is all rows.
    max_epochs : int, default=200
        Passes over the rows; for lbfgs the largest number of iterations.
    tol : float, default=1e-6
        lbfgs stops when no component of the objective's gradient exceeds `tol` in size.
    l2 : float >= 0, default=0
        Adds ``l2 / 2 ||w||^2`` to the objective (section 7.1.1, eq. 7.2).
    l1 : float >= 0, default=0
        Adds ``l1 ||w||_1`` (section 7.1.2, eq. 7.18), by proximal steps: zeros are exact.
    weight_decay : float >= 0, default=0
        Multiplies weights by ``1 - learning_rate * weight_decay`` at every update, outside the
        loss (Loshchilov and Hutter 2019). Equal to `l2` under plain sgd; under adam it is not.
    max_norm : float >= 0 or None, default=None
        Largest 2-norm of each hidden unit's incoming weights, bias excluded (section 7.2). 0, as
        for all others, is off.
    norm_constraint : float >= 0 or None, default=None
        Largest 2-norm of all weights together, 0 is off (section 7.2). Under sgd the constrained
        problem is solved; under adam the constraint is kept, and training stops elsewhere.
    dropout : float in [0, 1), default=0
        Share of hidden units dropped at each step (section 7.12), inverted.
    input_dropout : float in [0, 1), default=0
        Share of inputs dropped at each step, inverted.
    input_noise : float >= 0, default=0
        Standard deviation of Gaussian noise added to X while training (section 7.5).
    weight_noise : float >= 0, default=0
        Standard deviation of Gaussian noise added to the weights while training (section 7.5).
{label_smoothing}\
    averaging : float in [0, 1] or None, default=None
        Share of the updates of `max_epochs` epochs, the last ones, whose parameters are averaged
        into the result (Polyak averaging). With `early_stopping` the average is what is validated
        and kept, once it has begun.
    early_stopping : bool, default=False
        Stop when the validation loss has not fallen for `n_iter_no_change` epochs and return the
        parameters of the best epoch (section 7.8, algorithm 7.1).
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows held out for early stopping, unless ``X_val`` is given to fit.
    n_iter_no_change : int, default=10
        Patience of early stopping, in epochs.
    retrain : {"updates", "passes", "continue"} or None, default=None
        What to do with the held-out rows after early stopping: train afresh on all rows for as
        many updates or passes (algorithm 7.2), or go on until the loss on the formerly held-out
        rows is at most the training loss at the stop (algorithm 7.3; at most `max_epochs` more).
    warm_start : bool, default=False
        Go on from the fitted parameters when fit is called again.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision; ``"auto"`` is float32 for float32 X and float64 otherwise.
    device : str, default="cpu"
        A torch device.
    callbacks : list of skorch callbacks or None, default=None
        Called as in skorch.
    verbose : int, default=0
        Print a line an epoch.
    random_state : int, RandomState instance or None, default=None
        Seeds everything that is drawn. Global generators are never touched."""

LABEL_SMOOTHING = """\
    label_smoothing : float in [0, 1), default=0
        Share of the targets that is spread evenly over the classes (section 7.5.1).
"""

ATTRIBUTES = """\
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, as in scikit-learn's MLP.
    coef_, intercept_ : ndarray
        Those of the linear model.
    net_ : skorch.NeuralNet
        The fitted network.
    n_iter_ : int
        Epochs, or lbfgs iterations, made.
    t_ : int
        Updates made.
    loss_curve_ : list of float
        Objective after each epoch: mean loss of its steps plus the penalties. With `retrain` those
        of the second training, on all rows.
    loss_ : float
        The last of them.
    validation_loss_curve_, validation_scores_ : list of float
        Loss, and accuracy or R^2, on the validation rows after each epoch.
    best_epoch_ : int
        1-based epoch of the smallest validation loss.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
    n_outputs_, n_layers_ : int"""


def document(cls: type) -> type:
    """Fill a class docstring's ``{parameters}`` and ``{attributes}``."""
    smoothing = LABEL_SMOOTHING if "Classifier" in cls.__name__ else ""
    parameters = PARAMETERS.replace("{label_smoothing}", smoothing)
    assert cls.__doc__ is not None
    cls.__doc__ = (
        cleandoc(cls.__doc__)
        .replace("{parameters}", dedent(parameters))
        .replace("{attributes}", dedent(ATTRIBUTES))
    )
    return cls
