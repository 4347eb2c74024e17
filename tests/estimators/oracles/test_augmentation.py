"""Row 11: changed copies of the rows (section 7.4), pixel by pixel against scipy.ndimage."""

import re

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.datasets import load_digits, load_iris
from torch import nn

from wellposed import NetClassifier, NetRegressor
from wellposed.networks import MLP
from wellposed.networks.conv import ConvNet
from wellposed.regularizers import Augment
from wellposed.training import train
from wellposed.training.request import Request, Rows
from wellposed.training.stack import Stack

SHAPE = (3, 6, 7)  # channels, height, width
EXACT = {"rtol": 0, "atol": 1e-10}


def rows_of(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.linspace(0.5, 3, p)
    return X, rng.integers(0, 2, (n, 1)).astype(float)


def request(augment, X, target, network=None, **options):
    rows = Rows.from_arrays(X, target, None, torch.float64, torch.device("cpu"))
    options = {"batch_size": len(X), "max_epochs": 10} | options
    network = network or MLP(X.shape[1], 1, (4,))
    return Request(
        network=network, loss="logistic", rows=rows, regularizers={"augment": augment},
        **{"seed": 0, "init": "glorot"} | options,
    )  # fmt: skip


def shown(augment, shape=SHAPE, n=20, n_draws=1):
    """Rows before and after, [n, ...] and [n_draws, n, ...], and the regularizer in its stack."""
    X, target = rows_of(n, int(np.prod(shape)))
    stack = Stack([request(augment, X, target)])
    (r,) = stack.regularizers
    batch = stack.batches.next()
    with r.setting.ahead():
        draws = [r.batch(batch, stack.model) for _ in range(n_draws)]
    for drawn in draws:
        assert drawn.target is batch.target
        assert not drawn.x[:, X.shape[1] :].any()
        assert not drawn.x[..., n:].any()
    x = torch.stack([drawn.x[0, : X.shape[1], :n].T for drawn in draws]).numpy()
    return X.reshape(n, *shape), x.reshape(n_draws, n, *shape), r


def channels(function, image):
    return np.stack([function(channel, order=1, mode="grid-constant") for channel in image])


@pytest.mark.parametrize("option", [{"shift": 2.5}, {"rotate": 60.0}, {"scale": 0.4}], ids=str)
def test_moved_turned_and_resized_images(option):
    before, (after,), r = shown(Augment(1.0, image_shape=SHAPE, **option))
    drawn = {name: value[0].numpy() for name, value in r._changes[0].draw().items()}
    centre = (np.array(SHAPE[1:]) - 1) / 2
    for i, (image, changed) in enumerate(zip(before, after)):

        def reference(channel, i=i, **how):
            if "shift" in drawn:
                return ndimage.shift(channel, drawn["shift"][:, i], **how)
            if "angle" in drawn:
                return ndimage.rotate(channel, np.degrees(drawn["angle"][i]), reshape=False, **how)
            factor = 1 / drawn["size"][i]
            return ndimage.affine_transform(
                channel, [factor, factor], centre - factor * centre, **how
            )

        np.testing.assert_allclose(changed, channels(reference, image), **EXACT)
    most = {"shift": 2.5, "angle": np.pi / 3, "size": 0.4}
    for name, value in drawn.items():
        value = value - 1 if name == "size" else value
        assert most[name] / 2 < np.abs(value).max() < most[name]
        assert value.min() < 0 < value.max()


def test_all_at_once_bent_images_included():
    """Mirrored, resized, turned, moved; then every pixel looks a little beside its place."""
    options = {"shift": 2, "rotate": 40, "scale": 0.3, "flip": True, "elastic": 0.7}
    before, (after,), r = shown(Augment(1.0, image_shape=SHAPE, **options))
    with r.setting.ahead():
        drawn = {k: v[0].numpy() for k, v in r._changes[0].draw().items()}
        bent = r._changes[0].bend()[0].numpy()
    centre = (np.array(SHAPE[1:]) - 1)[:, None, None] / 2
    grid = np.indices(SHAPE[1:])
    assert set(drawn["mirror"]) == {-1.0, 1.0}
    for i, (image, changed) in enumerate(zip(before, after)):
        c, s = np.cos(drawn["angle"][i]), np.sin(drawn["angle"][i])
        forward = np.array([[c, -s], [s, c]]) * drawn["size"][i] @ np.diag([1, drawn["mirror"][i]])
        offset = grid - centre - drawn["shift"][:, i, None, None]
        where = np.tensordot(np.linalg.inv(forward), offset, 1) + centre + bent[..., i]
        expected = channels(lambda c, where=where, **how: ndimage.map_coordinates(c, where, **how),
                            image)  # fmt: skip
        np.testing.assert_allclose(changed, expected, **EXACT)


def test_mirrored_images():
    before, (after,), _ = shown(Augment(1.0, image_shape=SHAPE, flip=True))
    same = (after == before).all((1, 2, 3))
    np.testing.assert_array_equal(after[~same], before[~same][..., ::-1])
    assert 4 <= same.sum() <= 16


def test_displacements_are_smooth_noise_of_the_given_size():
    """Covariance of two pixels: that of white noise smoothed by a Gaussian, made of size one."""
    _, _, r = shown(Augment(1.0, image_shape=SHAPE, elastic=0.7), n=32)
    bent = torch.cat([r._changes[0].bend()[0] for _ in range(100)], 3).numpy() / 0.7
    for axis, n in ((1, 6), (2, 7)):
        at = np.arange(n)
        kernel = np.exp(-((at[:, None] - at) ** 2) / (2 * (n / 7) ** 2))
        covariance = kernel @ kernel.T
        scale = np.sqrt(np.diag(covariance))
        lines = np.moveaxis(bent, axis, 0).reshape(n, -1)
        error = 5 / np.sqrt(bent.shape[-1])  # lines of one image hang together
        np.testing.assert_allclose(np.cov(lines), covariance / np.outer(scale, scale), atol=error)
    assert abs(np.corrcoef(bent[0].ravel(), bent[1].ravel())[0, 1]) < 0.02


def test_squares_are_cut_out_around_each_pixel_alike():
    before, after, _ = shown(Augment(1.0, image_shape=SHAPE, cutout=3), n=32, n_draws=200)
    gone = after != before
    np.testing.assert_array_equal(after[gone], 0)
    gone = gone.reshape(-1, *SHAPE)
    assert (gone == gone[:, :1]).all()
    assert (gone[:, 0].any(2).sum(1) <= 3).all()
    assert (gone[:, 0].any(1).sum(1) <= 3).all()
    assert (gone[:, 0].sum((1, 2)) == gone[:, 0].any(2).sum(1) * gone[:, 0].any(1).sum(1)).all()
    near = [np.minimum(np.arange(n) + 2, 3) - np.maximum(2 - n + np.arange(n), 0) for n in (6, 7)]
    expected = np.outer(near[0] / 6, near[1] / 7)  # centres within one pixel of each
    error = np.sqrt(expected * (1 - expected) / len(gone))
    assert (np.abs(gone[:, 0].mean(0) - expected) < 5 * error + 1e-4).all()


def test_noise_is_in_units_of_each_column():
    before, after, _ = shown(Augment(1.0, noise=0.3), (5,), n=40, n_draws=500)
    noise = after - before
    np.testing.assert_allclose(noise.std((0, 1)), 0.3 * before.std(0), rtol=0.03)
    assert (np.abs(noise.mean((0, 1))) < 5 * 0.3 * before.std(0) / np.sqrt(20_000)).all()


def test_values_are_swapped_with_those_of_other_rows():
    before, after, _ = shown(Augment(1.0, swap=0.4), (5,), n=10, n_draws=1000)
    for j in range(5):
        assert np.isin(after[..., j], before[:, j]).all()
        counts = [(after[:, i, j] == value).mean() for i in range(10) for value in before[:, j]]
        expected = 0.04 + 0.6 * np.eye(10)
        np.testing.assert_allclose(np.reshape(counts, (10, 10)), expected, atol=0.08)
    changed = (after != before).reshape(-1, 5)
    assert np.abs(np.corrcoef(changed.T) - np.eye(5)).max() < 0.06


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_strength_is_the_share_of_rows_that_change(share):
    before, after, _ = shown(Augment(share, noise=0.1), (4,), n=32, n_draws=300)
    changed = (after != before).any(2)
    assert abs(changed.mean() - share) < 5 * np.sqrt(share * (1 - share) / changed.size)


def test_a_function_of_ones_own_sees_the_rows_of_the_batch():
    seen = []

    def reverse(x, rng):
        seen.append((x.copy(), rng.random()))
        return x[:, ::-1]

    before, after, _ = shown(Augment(1.0, function=reverse), (4,), n=9, n_draws=2)
    np.testing.assert_array_equal(after, np.stack([before[:, ::-1]] * 2))
    assert [x.shape for x, _ in seen] == [(9, 4)] * 2
    assert seen[0][1] != seen[1][1]


def double(x, rng):
    return x * (1 + rng.random(x.shape))


IMAGES = [
    {"shift": 1.5, "rotate": 30.0, "scale": 0.2, "flip": True},
    {"elastic": 1.0, "cutout": 3},
    {"noise": 0.1, "swap": 0.2, "function": double},
    {},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", IMAGES, ids=lambda options: "-".join(options) or "mild")
@pytest.mark.parametrize(
    "network", [MLP(42, 1, (5,)), ConvNet((1, 7, 7), 1, (3,))], ids=["mlp", "cnn"]
)
def test_alone_or_together_the_same_bits(network, options, dtype):
    shape = None if network.image_shape else (1, 6, 7)
    requests = []
    for k in range(17):
        X, target = rows_of(40 + k % 3, network.n_inputs, seed=k % 3)
        rows = Rows.from_arrays(X, target, None, dtype, torch.device("cpu"))
        augment = Augment(0.3 + k / 30, image_shape=shape, **options)
        how = {"seed": k % 5, "batch_size": 24, "max_epochs": 1 + k % 3}
        requests.append(request(augment, X, target, network, **how))
        requests[-1].rows = rows
    for asked, outcome in zip(requests, train(requests)):
        (alone,) = train([asked])
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.state.theta[~network.real].abs().sum() == 0


def own(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs)
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("network", ["mlp", "cnn", own])
def test_every_network_takes_part(network, solver):
    X, y = load_digits(return_X_y=True)
    X, y = X[:90] / 16, y[:90]
    shape = None if network == "cnn" else (8, 8)
    augment = Augment(0.5, shift=1, noise=0.1, image_shape=shape)
    how = {"network": network, "solver": solver, "max_epochs": 3, "random_state": 0}
    for cls in (NetClassifier, NetRegressor):
        plain = cls((4,), **how).fit(X, y, sample_weight=1.0 + y)
        net = cls((4,), **how, augment=augment).fit(X, y, sample_weight=1.0 + y)
        assert np.isfinite(net.predict(X)).all()
        assert net.loss_ != plain.loss_


def test_moved_images_are_recognised_after_having_been_shown():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    moved = np.array([np.roll(x.reshape(8, 8), 1, axis=1).ravel() for x in X[1200:]])
    scores = []
    for strength in (0.0, 0.7):
        net = NetClassifier((64,), augment=Augment(strength, shift=1.5, image_shape=(8, 8)),
                            learning_rate=0.01, max_epochs=25, random_state=0)  # fmt: skip
        scores.append(net.fit(X[:1200], y[:1200]).score(moved, y[1200:]))
    assert scores[1] > scores[0] + 0.2


@pytest.mark.parametrize(("parameters", "sentence"), [
    ({"augment": Augment(0.5, shift=1)}, "4 features of which no image_shape says so. Give"),
    ({"augment": Augment(0.5, image_shape=(3, 3))}, "of which image_shape=(3, 3) is another"),
    ({"augment": Augment(0.5, image_shape=(2,))}, "features of which image_shape=(2,) is another"),
    ({"augment": Augment(0.5, scale=1.0)}, "The 'scale' parameter of Augment must be a float in"),
    ({"augment": 1.5}, "Got 1.5 instead"),
    ({"augment": 0.5, "solver": "lbfgs"}, "augment=0.5 draws random numbers at every step"),
    ({"augment": Augment(1.0, function=lambda x, rng: x[:, 1:])}, "and returned an array of shape"),
    ({"augment": Augment(1.0, function=lambda x, rng: x * np.nan)}, "of finite numbers"),
    ({"augment": Augment(1.0, function=lambda x, rng: None)}, "shape (1,) and type object"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(parameters, sentence):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        NetClassifier((4,), **parameters).fit(X, y)
