"""The settings of the modern recurrent language models."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting

MOST = 65_536  # of any size


@dataclass(frozen=True)
class BlockConfig:
    """Settings that all modern cells share. vocab_size is filled in from the data."""

    vocab_size: int
    embed_size: int = setting(256, low=1, high=MOST, help="size of the token embeddings and of what each block adds to")
    num_layers: int = setting(2, low=1, high=128, help="number of blocks")
    mlp_size: int = setting(512, low=0, high=MOST, help="hidden units of the MLP after each cell; 0: no MLP")
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of what each cell and MLP adds, in training"
    )
    tied: bool = setting(False, help="use the embedding matrix as read-out")

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")


@dataclass(frozen=True)
class ModernConfig(BlockConfig):
    """Settings of the cells with a convolution before them."""

    conv_size: int = setting(4, low=2, high=64, help="number of steps that the convolution before each cell sees")


@dataclass(frozen=True)
class MinimalConfig(ModernConfig):
    """Settings of mingru and minlstm."""

    hidden_size: int = setting(256, low=1, high=MOST, help="size of each cell's hidden state")


@dataclass(frozen=True)
class RGLRUConfig(ModernConfig):
    """Settings of rg_lru."""

    hidden_size: int = setting(256, low=1, high=MOST, help="size of each cell's hidden state")


@dataclass(frozen=True)
class HeadedConfig(ModernConfig):
    """Settings of mlstm and slstm."""

    num_heads: int = setting(4, low=1, high=1024, help="number of heads, each with its own memory")
    head_size: int = setting(64, low=1, high=1024, help="size of each head")

    @property
    def inner_size(self) -> int:
        """The size of all heads."""
        return self.num_heads * self.head_size


@dataclass(frozen=True)
class Mamba2Config(ModernConfig):
    """Settings of mamba2."""

    mlp_size: int = setting(0, low=0, high=MOST, help="hidden units of the MLP after each cell; 0: no MLP")
    num_heads: int = setting(8, low=1, high=1024, help="number of heads, each with its own decay")
    head_size: int = setting(64, low=1, high=1024, help="size of each head; the paper has heads of twice embed_size")
    state_size: int = setting(64, low=1, high=1024, help="numbers of the state for each unit of a head")
    num_groups: int = setting(1, low=1, high=1024, help="groups of heads that read and write the state alike")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_heads % self.num_groups:
            raise ValueError(f"num_groups must divide num_heads, but they are {self.num_groups} and {self.num_heads}")

    @property
    def inner_size(self) -> int:
        """The size of all heads."""
        return self.num_heads * self.head_size

    @property
    def conv_channels(self) -> int:
        """What passes the convolution: the heads, and how each group writes and reads the state."""
        return self.inner_size + 2 * self.num_groups * self.state_size


@dataclass(frozen=True)
class RWKV7Config(BlockConfig):
    """Settings of rwkv7. The paper has heads of embed_size together, and four times that in the MLP."""

    mlp_size: int = setting(1024, low=1, high=MOST, help="hidden units of the MLP after each cell")
    num_heads: int = setting(4, low=1, high=1024, help="number of heads, each with its own memory")
    head_size: int = setting(64, low=1, high=1024, help="size of each head")
    rank: int = setting(32, low=1, high=4096, help="hidden units of the small MLPs for decay, rate, value and gate")

    @property
    def inner_size(self) -> int:
        """The size of all heads."""
        return self.num_heads * self.head_size
