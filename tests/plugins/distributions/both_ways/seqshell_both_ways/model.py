"""The self-attentive classifier in torch (Lin et al. 2017, https://arxiv.org/abs/1703.03130, equations 5 and 6)."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqshell import PAD


class SelfAttentive(nn.Module):
    """Embedding, bidirectional GRU layers, R looks at their outputs, linear read-out of the concatenated looks.

    Look r is the mean over time with the weights softmax(v_r . tanh(W h_t)). State: ().
    """

    def __init__(self, config):
        super().__init__()
        self.config, size = config, 2 * config.hidden_size
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        # One module per layer, so that seqshell.layers.read_encoder finds the weights by their names.
        sizes = [config.embed_size] + [size] * (config.num_layers - 1)
        self.encoder = nn.ModuleList(
            nn.GRU(inputs, config.hidden_size, batch_first=True, bidirectional=True) for inputs in sizes
        )
        self.inner = nn.Linear(size, config.attention_size, bias=False)
        self.scores = nn.Linear(config.attention_size, config.num_looks, bias=False)
        self.readout = nn.Linear(config.num_looks * size, config.num_classes)
        self.dropout = nn.Dropout(config.dropout)

    def initial_state(self, batch_size=1):
        return ()

    def forward(self, tokens, state):
        """tokens: [B, T], padded on the right. Returns logits [B, 1, C], ()."""
        lengths = (tokens != PAD).sum(1).clamp_min(1)
        hidden = self.dropout(self.embedding(tokens))
        for layer in self.encoder:
            packed = pack_padded_sequence(hidden, lengths.cpu(), batch_first=True, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=tokens.shape[1])
            hidden = self.dropout(hidden)  # [B, T, 2H]
        scores = self.scores(torch.tanh(self.inner(hidden))).float()  # [B, T, R]
        padding = torch.arange(tokens.shape[1], device=tokens.device) >= lengths[:, None]
        weights = scores.masked_fill(padding[..., None], float("-inf")).softmax(1)
        looks = weights.transpose(1, 2) @ hidden.float()  # [B, R, 2H]
        return self.readout(looks.flatten(1)).unsqueeze(1), ()
