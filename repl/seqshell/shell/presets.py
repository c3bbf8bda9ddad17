"""What a preset is: a named way to choose tokens. `preset_files` reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqshell.core.sampling import Sampler, Strategy
    from seqshell.session import Session
    from seqshell.shell.decoding_settings import DecodingSettings

SETTINGS = ("max_tokens", "stop", "unk")  # of the shell's own: which tokens may be chosen, and when an answer ends


@dataclass(frozen=True)
class Preset:
    """A strategy and a chain, None to keep the present ones, and values of SETTINGS."""

    name: str
    strategy: Strategy | None = None
    chain: tuple[Sampler, ...] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def choose(self, session: Session) -> None:
        """Give a session the strategy and the chain."""
        session.strategy = self.strategy or session.strategy
        session.chain = session.chain if self.chain is None else self.chain

    def fields(self, decoding: DecodingSettings) -> list[tuple[str, Any]]:
        """The name and the value of each field of the chain and the strategy."""
        return [(entry.name, entry.value) for entry in decoding.entries(self.chain or (), self.strategy)]
