"""Plugins that slow down startup, or print during their import, are loaded with a warning."""

import sys

from seqshell.host import Policy, build_registry, builtin, slow_import


def test_importing_torch_at_module_level_gives_a_warning(site, monkeypatch, states):
    site.install(
        "heavy", "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n" + site.sampler("halve")
    )
    monkeypatch.setitem(sys.modules, "torch", None)  # so that monkeypatch restores it afterwards
    monkeypatch.delitem(sys.modules, "torch")
    registry = site.registry()

    assert states(registry) == {"heavy": "loaded"}
    assert registry.warnings[0].startswith("the plugin heavy (heavy) imports torch at module level")


def test_what_a_plugin_prints_during_its_import_becomes_a_warning(site, capfd, states):
    printing = "import sys\nprint('hello\\x1b[2J')\nprint('there', file=sys.stderr)\n"
    site.install("chatty", printing + site.sampler("halve"), distribution="lou-d")
    registry = site.registry()

    assert registry.warnings == ("the plugin chatty (lou-d) printed while it was loaded: hello\x1b[2J there",)
    assert capfd.readouterr() == ("", "")
    assert states(registry) == {"chatty": "loaded"}


def test_a_slow_import_is_announced_before_it_ends(site, monkeypatch):
    monkeypatch.setattr(slow_import, "SLOW", 0.05)
    site.install("slow", "import time, slow_reports\nwhile not slow_reports.reported: time.sleep(0.01)\n")
    (site.folder / "slow_reports.py").write_text("reported = []")
    site.install("swift", site.sampler("halve"))
    import slow_reports

    build_registry([builtin], Policy(), folders=[str(site.folder)], on_slow=slow_reports.reported.append)
    assert slow_reports.reported == ["the plugin slow (slow) takes more than a second to import"]
