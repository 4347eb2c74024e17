"""The parameters that both estimators have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator, _clone_parametrized
from sklearn.utils._param_validation import HasMethods, StrOptions

from . import regularizers as r
from ._declare import declared, parameter, strength
from ._nested import all_or_none, named_regularizers, set_nested
from .networks.activations import ACTIVATIONS
from .networks.flat import INITS
from .ranges import Range
from .training.schedules import SCHEDULES, Schedule

_NATURAL = Range(Integral, 1, None, closed="left")

#: What a strength may be: a number, one a layer, one that changes, an object with options, or off.
Strength = float | Sequence[float | None] | r.Ramp | r.Regularizer | None


@declared
class Parameters(BaseEstimator):
    """Parameters of a network and its training."""

    hidden_layer_sizes: Any = parameter(
        "tuple of int",
        ["array-like", _NATURAL],
        """
        Units of each hidden layer; ``()`` is the linear model. For ``network="cnn"``, channels of
        each convolution.""",
        default=(100,),
        kw_only=False,
    )
    network: str | Callable[[int, int], Any] = parameter(
        '{"mlp", "cnn"} or callable',
        [StrOptions({"mlp", "cnn"}), callable],
        """
        The kind of network, or a function ``f(n_inputs, n_outputs) -> torch.nn.Module`` that maps
        (batch, n_inputs) to (batch, n_outputs); `hidden_layer_sizes`, `activation` and
        `fit_intercept` are then the function's own business. ``"cnn"`` takes each row of X for a
        flattened square image of one channel, or of three, channel after channel.""",
        default="mlp",
    )
    activation: str = parameter(
        '{"identity", "logistic", "tanh", "relu", "softplus", "gelu", "silu"}',
        [StrOptions(set(ACTIVATIONS))],
        "Activation of the hidden layers.",
        default="relu",
    )
    tied: bool = parameter(
        "bool",
        ["boolean"],
        """
        Whether the second half of the layers has the transposed weights of the first, as in an
        autoencoder: y has as many columns as X, and `hidden_layer_sizes` read the same backwards,
        around one in the middle. Penalties count each matrix once (section 7.9).""",
        default=False,
    )
    normalization: str | None = parameter(
        '{"batch", "layer"} or None',
        [StrOptions({"batch", "layer"}), None],
        """
        Normalise hidden layers before their activation, with a scale and a shift of each unit, or
        channel, that no penalty or noise of weights acts on. ``"batch"`` takes mean and variance of
        a unit over the rows of a batch, whatever they weigh, and in prediction running ones
        (section 8.7.1; Ioffe and Szegedy 2015), and hidden biases stay 0; ``"layer"`` those of a
        row over its units, of an image over channels and pixels (Ba, Kiros and Hinton 2016).""",
        default=None,
    )
    skip: bool = parameter(
        "bool",
        ["boolean"],
        """
        Add to what a hidden layer puts out its input, of a convolution pooled likewise, wherever
        the hidden layer before it is of the same size (He et al. 2016). Dropout acts on what is
        added.""",
        default=False,
    )
    k_winners: float | None = parameter(
        "int >= 1, float in (0, 1) or None",
        [_NATURAL, Range(Real, 0, 1, closed="neither"), None],
        """
        Keep the so many largest activations of each hidden layer and row, or this share of them,
        and set the others to 0, in training and prediction: sparsity as a hard constraint
        (section 7.10; Makhzani and Frey 2013). Of a convolution, units are those of all channels
        after pooling.""",
        default=None,
    )
    init: str = parameter(
        '{"auto", "glorot", "he", "zeros"}',
        [StrOptions(set(INITS))],
        """
        Distribution of the first weights. ``"auto"`` is zero for the linear model and ``"glorot"``
        for the others, as in scikit-learn's MLP, except that outputs which are numbers begin with
        the mean and the spread of y: a target in the hundreds is learned like one of unit scale.
        """,
        default="auto",
    )
    fit_intercept: bool = parameter(
        "bool",
        ["boolean"],
        "Whether units have biases. Biases are never penalised.",
        default=True,
    )
    solver: str = parameter(
        '{"adam", "sgd", "lbfgs"}',
        [StrOptions({"adam", "sgd", "lbfgs"})],
        """
        ``"adam"`` and ``"sgd"`` make exactly `max_epochs` passes unless `early_stopping`.
        ``"lbfgs"`` minimises the objective on all rows to `tol` and is the right choice for small,
        smooth problems.""",
        default="adam",
    )
    learning_rate: float = parameter(
        "float > 0",
        [Range(Real, 0, None, closed="neither")],
        "Step size of sgd and adam.",
        default=1e-3,
    )
    learning_rate_schedule: str | Schedule = parameter(
        '{"constant", "cosine", "step", "warm_restarts", "one_cycle"} or Schedule',
        [StrOptions({"constant", *SCHEDULES}), Schedule],
        """
        How the step size goes over the `max_epochs` epochs, `learning_rate` being its largest
        value; an object of `wellposed.schedules` has options, ``Cosine(warmup=0.1)``. Early
        stopping ends a schedule before its end; ``retrain="updates"`` and ``"passes"`` then
        follow the same one, as far; ``"continue"`` and `warm_start` begin it anew.""",
        default="constant",
    )
    momentum: float = parameter(
        "float in [0, 1)",
        [Range(Real, 0, 1, closed="left")],
        "Heavy-ball momentum of sgd.",
        default=0.9,
    )
    batch_size: int | str | None = parameter(
        'int, "auto" or None',
        [StrOptions({"auto"}), _NATURAL, None],
        'Rows a step sees. ``"auto"`` is 200, and all rows for lbfgs; None is all rows.',
        default="auto",
    )
    task_weights: Sequence[float] | None = parameter(
        "array-like of shape (n_outputs,) or None",
        ["array-like", None],
        """
        What the loss of each column of y counts, of numbers or of several labels (section 7.7).
        None is 1 for all.""",
        default=None,
    )
    unlabeled_batch_size: int | str | None = parameter(
        'int, "auto" or None',
        [StrOptions({"auto"}), _NATURAL, None],
        """
        Rows without labels that a step sees beside those of `batch_size`. ``"auto"`` is as many,
        and all for lbfgs; None is all of them.""",
        default="auto",
    )
    max_epochs: int = parameter(
        "int",
        [_NATURAL],
        "Passes over the rows; for lbfgs the largest number of iterations.",
        default=200,
    )
    tol: float = parameter(
        "float >= 0",
        [Range(Real, 0, None, closed="left")],
        "lbfgs stops when no component of the objective's gradient exceeds `tol` in size.",
        default=1e-6,
    )
    l2: Strength = strength(r.L2, default=0.0)
    l2_sp: Strength = strength(r.L2SP, default=0.0)
    l1: Strength = strength(r.L1, default=0.0)
    group_l1: Strength = strength(r.GroupL1, default=0.0)
    orthogonality: Strength = strength(r.Orthogonality, default=0.0)
    weight_decay: Strength = strength(r.WeightDecay, default=0.0)
    max_norm: Strength = strength(r.MaxNorm, default=None)
    norm_constraint: Strength = strength(r.NormConstraint, default=None)
    spectral_norm: Strength = strength(r.SpectralNorm, default=None)
    nonnegative: Strength = strength(r.NonNegative, default=False)
    augment: Strength = strength(r.Augment, default=0.0)
    mixup: Strength = strength(r.Mixup, default=0.0)
    cutmix: Strength = strength(r.CutMix, default=0.0)
    dropout: Strength = strength(r.Dropout, default=0.0)
    input_dropout: Strength = strength(r.InputDropout, default=0.0)
    gaussian_dropout: Strength = strength(r.GaussianDropout, default=0.0)
    stochastic_depth: Strength = strength(r.StochasticDepth, default=0.0)
    dropconnect: Strength = strength(r.DropConnect, default=0.0)
    input_noise: Strength = strength(r.InputNoise, default=0.0)
    weight_noise: Strength = strength(r.WeightNoise, default=0.0)
    gradient_noise: Strength = strength(r.GradientNoise, default=0.0)
    clip_norm: Strength = strength(r.ClipNorm, default=None)
    adversarial: Strength = strength(r.Adversarial, default=0.0)
    auxiliary: Strength = strength(r.Auxiliary, default=0.0)
    consistency: Strength = strength(r.Consistency, default=0.0)
    mean_teacher: Strength = strength(r.MeanTeacher, default=0.0)
    vat: Strength = strength(r.VAT, default=0.0)
    activity_l1: Strength = strength(r.ActivityL1, default=0.0)
    activity_kl: Strength = strength(r.ActivityKL, default=0.0)
    tangent_prop: Strength = strength(r.TangentProp, default=0.0)
    jacobian: Strength = strength(r.JacobianNorm, default=0.0)
    double_backprop: Strength = strength(r.DoubleBackprop, default=0.0)
    sam: Strength = strength(r.SAM, default=0.0)
    averaging: Strength = strength(r.Averaging, default=None)
    ema: Strength = strength(r.EMA, default=None)
    swa: Strength = strength(r.SWA, default=None)
    snapshots: Strength = strength(r.Snapshots, default=0)
    regularizers: Sequence[tuple[str, r.Regularizer]] | None = parameter(
        "list of (str, Regularizer) or None",
        [list, tuple, None],
        """
        Regularizers of your own, which act after those above: subclasses of
        `wellposed.regularizers.Regularizer` by name. Search over
        ``regularizers__<name>__strength``.""",
        default=None,
    )
    early_stopping: bool = parameter(
        "bool",
        ["boolean"],
        """
        Stop when the validation loss has not fallen for `n_iter_no_change` epochs and return the
        parameters of the best epoch (section 7.8, algorithm 7.1).""",
        default=False,
    )
    validation_fraction: float = parameter(
        "float in (0, 1)",
        [Range(Real, 0, 1, closed="neither")],
        "Share of the rows held out for early stopping, unless ``X_val`` is given to fit.",
        default=0.1,
    )
    n_iter_no_change: int = parameter(
        "int",
        [_NATURAL],
        "Patience of early stopping, in epochs.",
        default=10,
    )
    retrain: str | None = parameter(
        '{"updates", "passes", "continue"} or None',
        [StrOptions({"updates", "passes", "continue"}), None],
        """
        What to do with the held-out rows after early stopping: train afresh on all rows for as
        many updates or passes (algorithm 7.2), or go on until the loss on the formerly held-out
        rows is at most the training loss at the stop (algorithm 7.3; at most `max_epochs` more).
        """,
        default=None,
    )
    start: Any = parameter(
        "fitted estimator, torch module, dict of tensors or None",
        [HasMethods(["get_params"]), HasMethods(["state_dict"]), dict, None],
        """
        What the first weights are: those of a fitted `NetClassifier` or `NetRegressor`, or a
        ``state_dict`` of torch, by name or in their order. All layers must have the same shape but
        for the last, which may be another, and is then drawn afresh. `clone` keeps it as it is.""",
        default=None,
    )
    freeze: Any = parameter(
        'list of int or str, "all_but_last" or None',
        [StrOptions({"all_but_last"}), Integral, list, tuple, None],
        """
        Layers whose weights and biases stay as they start, by place from 0 on, or, of a module of
        your own, also by name. Running statistics of batch normalization go on.""",
        default=None,
    )
    layer_rates: Any = parameter(
        "list of float or None",
        ["array-like", None],
        "What `learning_rate` is multiplied by in each layer of weights, biases included.",
        default=None,
    )
    n_members: int = parameter(
        "int",
        [_NATURAL],
        """
        Networks of an ensemble, which differ in their seeds (section 7.11). Predictions are the
        mean of theirs, of numbers or of probabilities; `predict_members` has each and
        `predict_std` their spread. Members are those of scikit-learn's ``BaggingClassifier`` with
        the same `random_state`, trained side by side.""",
        default=1,
    )
    bootstrap: bool = parameter(
        "bool",
        ["boolean"],
        """
        Whether each member is shown rows drawn with replacement, as many as there are and as
        likely as they weigh (bagging; Breiman 1996).""",
        default=False,
    )
    warm_start: bool = parameter(
        "bool",
        ["boolean"],
        "Go on from the fitted parameters when fit is called again.",
        default=False,
    )
    dtype: str = parameter(
        '{"auto", "float32", "float64"}',
        [StrOptions({"auto", "float32", "float64"})],
        'Precision; ``"auto"`` is float32 for float32 X and float64 otherwise.',
        default="auto",
    )
    device: str = parameter(
        "str",
        [str],
        "A torch device.",
        default="cpu",
    )
    callbacks: Sequence[Any] | None = parameter(
        "list of skorch callbacks or None",
        [list, tuple, None],
        "Called as in skorch.",
        default=None,
    )
    verbose: int = parameter(
        "int",
        ["verbose"],
        "Print a line an epoch.",
        default=0,
    )
    random_state: Any = parameter(
        "int, RandomState instance or None",
        ["random_state"],
        "Seeds everything that is drawn. Global generators are never touched.",
        default=None,
    )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of regularizers in `regularizers` included if `deep`."""
        params = super().get_params(deep)
        if deep:
            params = {name: v for name, v in params.items() if not name.startswith("start__")}
            for name, regularizer in named_regularizers(self.regularizers).items():
                params[f"regularizers__{name}"] = regularizer
                for option, value in regularizer.get_params().items():
                    params[f"regularizers__{name}__{option}"] = value
        return params

    def __sklearn_clone__(self) -> Any:
        """Clone all parameters but `start`, which is kept: a clone of it would not be fitted."""
        if self.start is None:
            return _clone_parametrized(self)
        other = copy(self)
        other.start = None
        cloned = _clone_parametrized(other)
        cloned.start = self.start
        return cloned

    def set_params(self, **params: Any) -> Any:
        """Set parameters.

        ``adversarial__steps=7`` makes an object of a strength that is a number, and
        ``regularizers__mine__strength=0.1`` reaches into `regularizers`. If one cannot be set, none
        is.
        """
        with all_or_none(self, params):
            set_nested(self, params)
            return super().set_params(**params)
