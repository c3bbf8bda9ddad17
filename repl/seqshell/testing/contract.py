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
from seqshell.testing.classification_rules import CLASSIFICATION_RULES
from seqshell.testing.decoder_rules import CAUSAL_RULES, DECODER_RULES, EQUAL, WRITING_RULES, equals
from seqshell.testing.examples import SIZES, example_for
from seqshell.testing.sampler_rules import sampler_rules
from seqshell.testing.translation_rules import TRANSLATION_RULES

# Instead of the defaults, for settings that are called so.
SMALL = {"embed_size": 12, "encoder_size": 8, "hidden_size": 16, "num_layers": 2, "attention_size": 8, "table_size": 1000}


@dataclass(frozen=True)
class Check:
    """One rule that was tried. seen: what there was instead; empty when the rule held. case: the smallest one that shows it, where one was
    looked for. is_warning: it passes all the same."""

    rule: str
    seen: str = ""
    case: str = ""
    is_warning: bool = False

    @property
    def passed(self) -> bool:
        return not self.seen or self.is_warning

    def __str__(self) -> str:
        return f"{self.rule}: {self.seen or 'yes'}" + (f"; smallest case: {self.case}" if self.case else "")


def failed(checks: Iterable[Check]) -> list[str]:
    """Those that did not pass, a line each."""
    return [str(check) for check in checks if not check.passed]


def check_architecture(architecture: Architecture, config: Mapping[str, Any] | None = None) -> list[Check]:
    """Build a model, its weights drawn from a seed, and try the rules on its module, as the host wraps it, and on its own decoder.

    config: settings to build it with instead of small ones; sizes of vocabularies may only be larger than those of `examples.SIZES`. Imports torch.
    """
    from seqshell.decoding.torch_decoder import TorchDecoder
    from seqshell.testing import module_rules

    offered = resolve(architecture.config)
    settings = build(offered, {**SIZES[architecture.task], **(_small(offered) if config is None else config)})
    example = example_for(architecture.task)
    rules = dict(DECODER_RULES)
    if architecture.causal:
        rules |= CAUSAL_RULES
    if architecture.task in (Task.GENERATE, Task.TRANSLATE):
        rules |= WRITING_RULES
    if architecture.task is Task.TRANSLATE:
        rules |= TRANSLATION_RULES
    if architecture.task is Task.CLASSIFY:
        rules |= CLASSIFICATION_RULES
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
    wrapped = TorchDecoder(module, causal=architecture.causal, is_padded=architecture.task is Task.CLASSIFY)
    checks = [built]
    checks += [_try(f"module: {rule}", partial(holds, wrapped, example)) for rule, holds in rules.items()]
    steps = {"its outputs at each step are those of reading up to there": partial(module_rules.every_step, module, wrapped, example)}
    whole = {"it has one output for a text, [B, 1, ...], and its state is ()": partial(module_rules.whole_texts, module, example)}
    of_module: dict[str, Callable[[], str]] = {
        **(steps if architecture.causal else whole),
        "saving and loading change no output": partial(module_rules.saved, architecture, settings, module, example),
    }
    if hasattr(module, "count"):
        of_module["a text that it counts becomes likelier"] = partial(module_rules.counts, module, example)
    else:
        of_module["a loss has finite gradients, and the detached state goes on"] = partial(module_rules.learns, module, example)
    if architecture.task is Task.TRANSLATE:
        of_module["padding of the target changes neither an earlier logit nor the loss"] = partial(module_rules.target_padding, module, example)
    if architecture.task is Task.FORECAST:
        of_module["observing leaves the state that reading leaves"] = partial(module_rules.observes, module, wrapped, example)
    checks += [_try(f"module: {rule}", holds) for rule, holds in of_module.items()]
    if own is not None:
        checks += [_try(f"decoder: {rule}", partial(holds, own, example)) for rule, holds in rules.items()]
        checks.append(_try(f"decoder: its outputs are the module's within {EQUAL:g}", partial(equals, own, wrapped, example)))
    return checks


def check_sampler(sampler: type[Any]) -> list[Check]:
    """Try the rules on a sampler's class, at its defaults and at the ends of each setting's range."""
    return [_try(rule, holds) for rule, holds in sampler_rules(sampler)]


def check_offer(kind: str, offered: Any) -> list[Check]:
    """The rules for something that a plugin offers. kind: one of KINDS."""
    return KINDS[kind](offered)


def _try(rule: str, holds: Callable[[], str]) -> Check:
    try:
        return Check(rule, holds())
    except Exception as error:  # whatever a stranger's code raises is what was seen
        return Check(rule, f"{type(error).__name__}: {error}")


KINDS: Mapping[str, Callable[[Any], list[Check]]] = {"architecture": check_architecture, "sampler": check_sampler}


def _small(offered: type[Any]) -> dict[str, Any]:
    known = {item.name for item in settings_of(offered)}
    return {name: value for name, value in SMALL.items() if name in known}
