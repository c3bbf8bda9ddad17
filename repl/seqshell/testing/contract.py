"""What every architecture and every sampler must hold to, as checks for a plugin's own tests.

    def test_my_plugin_keeps_the_contract():
        assert not failed(check_architecture(architecture))
        assert not failed(check_sampler(TopA))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqshell.decoder import Decoder
from seqshell.host import resolve
from seqshell.models import Architecture, Task
from seqshell.offers import build, settings_of
from seqshell.testing.decoder_rules import DECODER_RULES, EQUAL, VOCAB_SIZE, equals, example_inputs
from seqshell.testing.sampler_rules import sampler_rules

SMALL = {"embed_size": 12, "hidden_size": 16, "num_layers": 2}  # instead of the defaults, for settings that are called so


@dataclass(frozen=True)
class Check:
    """One rule that was tried. seen: what there was instead; empty when the rule held."""

    rule: str
    seen: str = ""

    @property
    def passed(self) -> bool:
        return not self.seen

    def __str__(self) -> str:
        return f"{self.rule}: {self.seen or 'yes'}"


def failed(checks: Iterable[Check]) -> list[str]:
    """Those that did not pass, a line each."""
    return [str(check) for check in checks if not check.passed]


def check_architecture(architecture: Architecture, config: Mapping[str, Any] | None = None) -> list[Check]:
    """Build a model, its weights drawn from a seed, and try the rules on its module, as the host wraps it, and on its own decoder.

    config: settings to build it with instead of small ones. Imports torch.
    """
    if architecture.task is not Task.GENERATE:
        raise ValueError(f"there are no checks yet for models that {architecture.task}")
    from seqshell.decoding.torch_decoder import TorchDecoder
    from seqshell.testing import module_rules

    offered = resolve(architecture.config)
    settings = build(offered, {"vocab_size": VOCAB_SIZE, **(_small(offered) if config is None else config)})
    inputs = example_inputs()
    module: Any = None
    own: Decoder | None = None

    def build_both() -> str:
        nonlocal module, own
        module = module_rules.example_module(architecture, settings)
        if architecture.decoder is not None:
            own = resolve(architecture.decoder)(settings, module_rules.weights_of(module))
        return ""

    built = _try("it is built from its settings", build_both)
    if not built.passed:
        return [built]
    wrapped = TorchDecoder(module, causal=architecture.causal)
    each, saved, learns = module_rules.every_step, module_rules.saved, module_rules.learns
    checks = [built]
    checks += [_try(f"module: {rule}", partial(holds, wrapped, inputs)) for rule, holds in DECODER_RULES.items()]
    checks.append(_try("module: its outputs at each step are those of reading up to there", partial(each, module, wrapped, inputs)))
    checks.append(_try("module: saving and loading change no output", partial(saved, architecture, settings, module, inputs)))
    checks.append(_try("module: a loss has finite gradients, and the detached state goes on", partial(learns, module, inputs)))
    if own is not None:
        checks += [_try(f"decoder: {rule}", partial(holds, own, inputs)) for rule, holds in DECODER_RULES.items()]
        checks.append(_try(f"decoder: its outputs are the module's within {EQUAL:g}", partial(equals, own, wrapped, inputs)))
    return checks


def check_sampler(sampler: type[Any]) -> list[Check]:
    """Try the rules on a sampler's class, at its defaults and at the ends of each setting's range."""
    return [_try(rule, holds) for rule, holds in sampler_rules(sampler)]


def _try(rule: str, holds: Callable[[], str]) -> Check:
    try:
        return Check(rule, holds())
    except Exception as error:  # whatever a stranger's code raises is what was seen
        return Check(rule, f"{type(error).__name__}: {error}")


def _small(offered: type[Any]) -> dict[str, Any]:
    known = {item.name for item in settings_of(offered)}
    return {name: value for name, value in SMALL.items() if name in known}
