"""One file for a fitted estimator: safetensors, whose header holds JSON."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors import numpy as safetensors
from sklearn.utils.validation import check_is_fitted

from .._warn import warn
from ..net import NetClassifier, NetRegressor
from .encoding import Decoder, Encoder, MissingCode, NotSaved

#: Of what is written here. It changes when older versions of the library could not read it.
FORMAT = 1

_ESTIMATORS = {cls.__name__: cls for cls in (NetClassifier, NetRegressor)}
_LEFT_OUT = ("_net", "_history")  # made again when they are asked for
_OF_A_TRAINING = ("callbacks", "random_state", "start")  # parameters that predictions do not need


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted network to a file.

    The file is safetensors: the numbers, and a header of JSON with the parameters, their
    regularizers, and what was learned about y. It holds no code and needs neither pickle nor a
    device: a network that was trained on a GPU is read on any machine. It appears under its name
    once it is complete.

    Parameters
    ----------
    estimator : NetClassifier or NetRegressor
        Fitted.
    path : path-like
        By habit ``name.safetensors``. A file that is there already is replaced.

    Raises
    ------
    TypeError
        For another object than these two, such as a pipeline, and for parameters that are no
        numbers, text or regularizers.
    NotFittedError

    Warns
    -----
    UserWarning
        If callbacks or a generator of random numbers are left out.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier, load
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((8,), l2=1e-3, random_state=0).fit(X, y)
    >>> path = Path(tempfile.mkdtemp(), "iris.safetensors")
    >>> net.save(path)
    >>> bool((load(path).predict(X) == net.predict(X)).all())
    True
    """
    if type(estimator) not in _ESTIMATORS.values():
        raise TypeError(
            f"save() writes NetClassifier and NetRegressor, got {type(estimator).__name__}. Of a "
            "pipeline, save the network, and the other steps by means of their own."
        )
    check_is_fitted(estimator)
    encoder = Encoder([estimator.network, getattr(estimator._network, "factory", None)])
    params = {}
    for name, value in estimator.get_params(deep=False).items():
        params[name] = _encoded(encoder, name, value)
    attributes = {}
    for name, value in vars(estimator).items():
        if name not in params and name not in _LEFT_OUT:
            attributes[name] = _encoded(encoder, name, value)
    text = json.dumps(
        {
            "format": FORMAT,
            "class": type(estimator).__name__,
            "params": params,
            "attributes": attributes,
        },
        allow_nan=False,
    )
    metadata = {"wellposed": text, "sha256": _digest(text, encoder.arrays)}
    _write(Path(path), safetensors.save(encoder.arrays, metadata))


def load(
    path: str | os.PathLike[str],
    network: Callable[[int, int], Any] | None = None,
    own: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
) -> Any:
    """Read a fitted network that `save` has written. Nothing in the file is run.

    Parameters
    ----------
    path : path-like
    network : callable, optional
        The function that made a network of your own, ``f(n_inputs, n_outputs) -> Module``.
    own : sequence of classes and functions
        What else of your own it was trained with: regularizers and functions in their options.

    Returns
    -------
    NetClassifier or NetRegressor
        Fitted; its predictions are the same to the bit.

    Raises
    ------
    FileNotFoundError
    ValueError
        For a file that is cut or altered, that something else has written, or a newer version, and
        where a function or class is missing.

    See Also
    --------
    save : Its example shows both.
    """
    content, arrays = _read(Path(path))
    named = [own] if callable(own) else own
    decode = Decoder(arrays, network, {each.__name__: each for each in named})
    try:
        params = {name: decode(value) for name, value in content["params"].items()}
        attributes = {name: decode(value) for name, value in content["attributes"].items()}
        estimator: Any = _ESTIMATORS[content["class"]](**params)
    except MissingCode as error:
        raise ValueError(f"{path} cannot be loaded as it is. {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} describes a model that this version of wellposed does not know ({error}). "
            "Load it with the version that saved it."
        ) from error
    except RuntimeError as error:  # of torch: numbers for a module of another shape
        raise _another_network(path, str(error)) from None
    vars(estimator).update(attributes)
    given, needed = estimator._state.theta.shape[0], estimator._network.size
    if given != needed:
        raise _another_network(path, f"{given} numbers, padding included, for {needed}")
    return estimator


def _encoded(encoder: Encoder, name: str, value: Any) -> Any:
    if name in _OF_A_TRAINING and value is not None and not isinstance(value, Integral):
        warn(
            f"{name} is not saved. The loaded model predicts the same; set {name} again before "
            "it is fitted.",
            UserWarning,
        )
        return None
    try:
        return encoder(value)
    except NotSaved as error:
        raise TypeError(
            f"{name} holds {error}, which has no place in a file without code. Change it, or "
            "use joblib.dump, which pickles."
        ) from None


def _another_network(path: Any, what: str) -> ValueError:
    return ValueError(
        f"The numbers in {path} are not those of this network ({what}). Give the function network= "
        "that the model was trained with."
    )


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with path.open("rb"):  # the system's own errors: no such file, a folder, no permission
        pass
    try:
        with safe_open(path, framework="numpy") as file:
            metadata, names = file.metadata() or {}, file.keys()
            arrays = {name: np.array(file.get_tensor(name)) for name in names}
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is no safetensors file, or has been cut ({error}). Give a file that save() "
            "has written; what joblib or pickle wrote is loaded by them."
        ) from None
    if "wellposed" not in metadata:
        raise ValueError(
            f"{path} is a safetensors file that save() has not written. Give one that it has."
        )
    text = metadata["wellposed"]
    try:
        content = json.loads(text)
        written = int(content["format"])
    except (ValueError, KeyError, TypeError):
        content, written = {}, FORMAT
    if written > FORMAT:
        raise ValueError(
            f"{path} has format {written}, and this version of wellposed reads formats up to "
            f"{FORMAT}. Install a newer one: pip install --upgrade wellposed."
        )
    if metadata.get("sha256") != _digest(text, arrays):
        raise ValueError(
            f"{path} has been altered since it was saved: its contents do not match their "
            "checksum. Copy it again, or save the model anew."
        )
    return content, arrays
