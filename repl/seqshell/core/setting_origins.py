"""Where the value of a setting comes from, in words that `/set` shows."""

COMMAND_LINE, SET, CONFIG, CHECKPOINT, BUILT_IN = "command line", "/set", "config file", "checkpoint", "built in"
PLUGIN = "plugin"  # the default of a plugin's setting
