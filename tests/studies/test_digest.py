"""Digests: the same for the same content, different for different content."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from wellposed_studies.loading.digest import digest

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    """Whether two values have the same types and content all the way down (-0.0 is 0.0)."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


@given(values, values)
def test_digests_are_equal_exactly_where_values_are(a, b):
    assert (digest(a) == digest(b)) == same(a, b)


@given(st.dictionaries(st.text(), scalars, min_size=2), st.randoms())
def test_the_order_of_a_mapping_does_not_matter(mapping, random):
    items = list(mapping.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(mapping)


@given(st.lists(st.text(), min_size=1), st.data())
def test_texts_do_not_run_together(texts, data):
    cut = data.draw(st.integers(0, len(texts[0])))
    split = [texts[0][:cut], texts[0][cut:], *texts[1:]]
    assert digest(split) != digest(texts)


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=3)))
def test_layout_and_byte_order_of_an_array_do_not_matter(array):
    reference = digest(array)
    assert digest(np.asfortranarray(array)) == reference
    assert digest(array.astype(">f8")) == reference
    assert digest(np.repeat(array, 2, axis=0)[::2]) == reference


@given(hnp.arrays(np.int64, st.integers(2, 20)), st.data())
def test_one_changed_entry_of_an_array_is_seen(array, data):
    changed = array.copy()
    changed[data.draw(st.integers(0, len(array) - 1))] ^= 1 << data.draw(st.integers(0, 62))
    assert digest(changed) != digest(array)


def test_shape_and_type_of_an_array_count():
    array = np.arange(6)
    assert digest(array) != digest(array.reshape(2, 3))
    assert digest(array) != digest(array.astype(np.int32))
    for kind in ("f8", "u8", "M8[s]", "m8[s]", "S8"):  # the same bytes
        assert digest(array) != digest(array.view(kind)), kind
    assert digest(np.array([0.1], object)) != digest(np.array([np.nextafter(0.1, 1)], object))


def test_frames_count_names_order_and_content():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert digest(frame) == digest(frame.copy())
    assert digest(frame) != digest(frame.rename(columns={"a": "c"}))
    assert digest(frame) != digest(frame.iloc[::-1])
    assert digest(frame["b"]) != digest(pd.Series(["x", "z"]))


def test_sparse_matrices_are_compared_by_content():
    dense = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert digest(sparse.csr_matrix(dense)) == digest(sparse.csc_matrix(dense))
    assert digest(sparse.csr_matrix(dense)) != digest(sparse.csr_matrix(2 * dense))
    wider = sparse.csr_matrix(np.hstack([dense, np.zeros((2, 1))]))  # the same entries
    assert digest(sparse.csr_matrix(dense)) != digest(wider)


@pytest.mark.parametrize("value", [len, object(), {"f": print}, [1, {2, 3}]])
def test_what_has_no_content_is_refused_by_type(value):
    with pytest.raises(TypeError, match="has no digest"):
        digest(value)


def test_keys_that_are_not_names_are_refused():
    with pytest.raises(TypeError, match="expected names"):
        digest({1: 2})
