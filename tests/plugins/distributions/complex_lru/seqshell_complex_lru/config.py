"""The settings of complex_lru."""

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class LRUConfig:
    vocab_size: int  # filled in from the data
    hidden_size: int = setting(128, low=1, high=65_536, help="size of the token embeddings and layer outputs, H")
    num_layers: int = setting(2, low=1, high=64, help="number of layers")
    state_size: int = setting(64, low=1, high=65_536, help="complex numbers in the state of a layer, N")
    radii: tuple[float, float] = setting((0.8, 0.99), low=0, high=1, help="between which eigenvalues begin")
    highest_angle: float | None = setting(None, low=0, help="of the eigenvalues, in radians; none: any angle")
