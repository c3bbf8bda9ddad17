"""A table of values, and the forecast of a line."""

from __future__ import annotations

from tests.shell.sending import only

from seqshell.core.events import Forecast
from seqshell.core.tasks import task_spec

FORECASTER = task_spec("forecast").default_model
CSV = "date,load,value\n2016-07-01 00:00,1,9.8\n2016-07-01 01:00,2,9.9\n2016-07-01 02:00,3,10.2\n"


def forecast(shell, line):
    return only(shell, line, Forecast)
