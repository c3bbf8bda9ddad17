"""The architecture passes all checks; its cache grows, and its snapshots share it."""

import numpy as np
import seqshell_growing_cache
import torch
from seqshell_growing_cache.config import TransformerConfig
from seqshell_growing_cache.model import CachedTransformer, rotated

from seqshell.testing import check_architecture, failed


def test_the_architecture_passes_all_checks():
    for architecture in seqshell_growing_cache.seqshell_architectures():
        assert architecture.grows == "axis"
        assert not failed(check_architecture(architecture, {"num_heads": 2}))


def test_the_cache_has_the_keys_and_values_of_all_tokens():
    model = CachedTransformer(TransformerConfig(vocab_size=5, hidden_size=8, num_layers=3, num_heads=2))
    _, state = model(torch.tensor([[1, 2], [3, 4]]), model.initial_state(2))
    _, after = model(torch.tensor([[0, 1, 2]] * 2), state)
    assert [list(cache.keys.shape) for cache in after] == [[2, 2, 5, 4]] * 3
    assert all(torch.equal(new.values[:, :, :2], old.values) for new, old in zip(after, state, strict=True))


def test_the_product_of_rotated_vectors_depends_on_their_distance_alone():
    torch.manual_seed(0)
    one, two = torch.randn(2, 1, 1, 1, 8)
    near, far = ((rotated(one, first) * rotated(two, first + 3)).sum() for first in (0, 100))
    np.testing.assert_allclose(near, far, rtol=1e-4)


def test_attention_weighs_values_as_the_paper_says():
    """One head and layer, two tokens, written out."""
    torch.manual_seed(0)
    model = CachedTransformer(TransformerConfig(vocab_size=5, hidden_size=2, num_layers=1, num_heads=1)).eval()
    (layer,), x = model.layers, model.embedding(torch.tensor([[3, 1]]))
    _, (cache,) = model(torch.tensor([[3, 1]]), model.initial_state())
    q, k, v = layer.project(layer.norm(x)).split(2, -1)
    q, k = (rotated(each[:, None], 0)[:, 0] for each in (q, k))
    torch.testing.assert_close(cache.keys[:, 0], k)
    shares = (q[:, 1] @ k[0].T / 2**0.5).softmax(-1)
    y = x[:, 1] + layer.out(shares @ v[0])
    expected = y + layer.narrow(layer.wide(layer.norm_wide(y)).relu())
    torch.testing.assert_close(layer(x, model.initial_state()[0])[0][:, 1], expected)
