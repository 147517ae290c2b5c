"""Simulated card payments with known frauds: the simulator of the Fraud Detection Handbook, with
its 15 features.

    python -m benchmarks.fraud_simulator.simulator                write data/fraud_simulator.parquet
    python -m benchmarks.fraud_simulator.simulator small.parquet --customers 500 --terminals 1000

`fraud_simulator` in params.yaml, behind comments, reads the table.

Every draw is made in the published order and from the published generators, whose streams NumPy and
Python keep for good, so that the same sizes give the same payments everywhere, and the published
sizes the published ones.

References
----------
Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible machine learning for credit
card fraud detection: practical handbook", Université Libre de Bruxelles, 2022, chapter 3.
"""

from __future__ import annotations

import argparse
import math
import os
import random
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterpoise.core import files
from counterpoise.core.errors import ConfigurationError, TableError, guarded

Index = NDArray[np.int64]
Vector = NDArray[np.float64]

START = np.datetime64("2018-04-01", "s")
DAY = 86_400
"""Seconds."""

LARGE = 22_000
"""Cents; a payment above it is a fraud of scenario 1."""
TERMINALS_A_DAY, TERMINAL_DAYS = 2, 28
CUSTOMERS_A_DAY, CUSTOMER_DAYS = 3, 14

WINDOWS = (1, 7, 30)
"""Days that the features look back."""
DELAY = 7
"""Days until it is known whether a payment was a fraud."""

PAYMENTS_A_DAY = 2
"""Of a customer, on average: what the memory is estimated from."""
BYTES = 1_000
"""At the most, for a payment while the table is made and typed (measured at the published
sizes)."""


WHERE = "python -m benchmarks.fraud_simulator.simulator"
TABLE = Path("data/fraud_simulator.parquet")

MINIMA = {"customers": 3, "terminals": 2, "days": 2}
"""Fraud strikes so many customers and terminals a day; a day's frauds begin on the day before the
last one."""


@dataclass(frozen=True)
class Sizes:
    """How much is simulated.

    Attributes
    ----------
    customers, terminals : int
        They lie on a square of 100 x 100.
    days : int
        From 2018-04-01.
    radius : float
        How far a customer goes.

    Raises
    ------
    ConfigurationError
        When a size makes no sense.
    """

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183
    radius: float = 5.0

    def __post_init__(self) -> None:
        expected = [
            f"{name} of at least {least}"
            for name, least in MINIMA.items()
            if getattr(self, name) < least
        ]
        if not 0 < self.radius < math.inf:
            expected.append("a finite radius above 0")
        if expected:
            found = ", ".join(f"{name} {size:g}" for name, size in asdict(self).items())
            raise ConfigurationError(
                "The simulation's sizes make no sense.",
                where=WHERE,
                expected=" and ".join(expected),
                found=found,
                todo="correct them.",
            )


class Payments(NamedTuple):
    """Payments in the order of time, those of one moment in the order of customers.

    Attributes
    ----------
    time : ndarray of int64
        Seconds since the first midnight.
    customer, terminal : ndarray of int64
    cents : ndarray of int64
    scenario : ndarray of int8
        Which of the three scenarios made it a fraud, the last one where several did; 0 for none.
    """

    time: Index
    customer: Index
    terminal: Index
    cents: Index
    scenario: NDArray[np.int8]


def simulate(size: Sizes) -> pd.DataFrame:
    """Simulate payments.

    Returns
    -------
    DataFrame
        One row a payment in the order of time: `time`, `customer`, `terminal`, the features,
        `fraud` (0 or 1), `scenario`.

    Raises
    ------
    ConfigurationError
        When the payments would take more memory than this machine has.
    TableError
        When no customer reaches a terminal.
    """
    _check_memory(size)
    payments = with_frauds(drawn(size), size)
    moment = START + payments.time.astype("timedelta64[s]")
    return pd.DataFrame(
        {
            "time": moment,
            "customer": payments.customer.astype(np.int32),
            "terminal": payments.terminal.astype(np.int32),
            **features(payments),
            "fraud": (payments.scenario > 0).astype(np.int8),
            "scenario": payments.scenario,
        }
    )


def expected_bytes(size: Sizes) -> int:
    """About how much memory a simulation takes at its peak."""
    return size.customers * size.days * PAYMENTS_A_DAY * BYTES


def _check_memory(size: Sizes) -> None:
    needed, there = expected_bytes(size), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ConfigurationError(
            "The simulation would not fit into memory.",
            where=WHERE,
            expected=f"sizes that need less than the {there / 2**30:.1f} GiB of this machine",
            found=(
                f"customers: {size.customers:,}, days: {size.days:,}, which is about"
                f" {size.customers * size.days * PAYMENTS_A_DAY:,} payments and"
                f" {needed / 2**30:,.1f} GiB"
            ),
            todo="ask for fewer customers or fewer days.",
        )


# Payments


def drawn(size: Sizes) -> Payments:
    """Payments without frauds."""
    from tqdm import tqdm

    customers = np.random.RandomState(0).uniform(
        [0, 0, 5, 0], [100, 100, 100, 4], (size.customers, 4)
    )
    terminals = np.random.RandomState(1).uniform(0, 100, (size.terminals, 2))
    parts = []
    for number in tqdm(range(size.customers), desc="simulate", unit="customer", disable=None):
        x, y, mean, rate = customers[number].tolist()
        reached = np.flatnonzero(np.sqrt(((terminals - (x, y)) ** 2).sum(axis=1)) < size.radius)
        if len(reached):
            time, cents, terminal = _of_customer(number, mean, rate, reached.tolist(), size.days)
            parts.append((time, np.full(len(time), number), terminal, cents))
    time, customer, terminal, cents = (
        map(np.concatenate, zip(*parts, strict=True)) if parts else [np.empty(0, int)] * 4
    )
    if not len(time):
        raise TableError(
            "The simulation has no payments.",
            where=WHERE,
            expected="customers with a terminal nearer than the radius",
            found=(
                f"customers: {size.customers:,}, terminals: {size.terminals:,}, radius:"
                f" {size.radius:g}, days: {size.days:,}"
            ),
            todo=(
                "ask for more terminals or customers, or for a larger radius (places lie on a"
                " square of 100 x 100)."
            ),
        )
    order = np.argsort(time, kind="stable")
    return Payments(
        time[order], customer[order], terminal[order], cents[order], np.zeros(len(time), np.int8)
    )


def _of_customer(
    number: int, mean: float, rate: float, terminals: list[int], days: int
) -> tuple[Index, Index, Index]:
    """Time, cents and terminal of a customer's payments. One by one: how many draws a payment takes
    depends on the draws."""
    numbers, choices = np.random.RandomState(number), random.Random(number)  # noqa: S311
    poisson, normal, uniform, choose = (
        numbers.poisson,
        numbers.normal,
        numbers.uniform,
        choices.choice,
    )
    times: list[int] = []
    amounts: list[float] = []
    places: list[int] = []
    for day in range(days):
        for _ in range(poisson(rate)):
            second = int(normal(DAY / 2, 20_000))
            if not 0 < second < DAY:
                continue
            amount = normal(mean, mean / 2)
            if amount < 0:
                amount = uniform(0, mean * 2)
            times.append(day * DAY + second)
            amounts.append(amount)
            places.append(choose(terminals))
    cents = np.rint(np.array(amounts, float) * 100).astype(np.int64)
    return np.array(times, np.int64), cents, np.array(places, np.int64)


# Frauds


def with_frauds(payments: Payments, size: Sizes) -> Payments:
    """The three scenarios, one after the other."""
    time, customer, terminal, cents, _ = payments
    cents, scenario = cents.copy(), np.where(cents > LARGE, 1, 0).astype(np.int8)
    first = np.searchsorted(time, np.arange(size.days + 1) * DAY)  # the first payment of each day
    for day in range(size.days - 1):
        rows = slice(first[day], first[min(day + TERMINAL_DAYS, size.days)])
        scenario[rows][np.isin(terminal[rows], _taken(size.terminals, TERMINALS_A_DAY, day))] = 2
    for day in range(size.days - 1):
        rows = slice(first[day], first[min(day + CUSTOMER_DAYS, size.days)])
        theirs = rows.start + np.flatnonzero(
            np.isin(customer[rows], _taken(size.customers, CUSTOMERS_A_DAY, day))
        )
        stolen = theirs[random.Random(day).sample(range(len(theirs)), len(theirs) // 3)]  # noqa: S311
        cents[stolen] *= 5
        scenario[stolen] = 3
    return payments._replace(cents=cents, scenario=scenario)


def _taken(count: int, size: int, day: int) -> Index:
    """The numbers that `Series.sample(n=size, random_state=day)` of pandas takes."""
    return np.random.RandomState(day).choice(count, size, replace=False)


# Features


@dataclass(frozen=True)
class Side:
    """The payments of every customer, or of every terminal, one after the other, each in the order
    of time.

    Attributes
    ----------
    order : ndarray of int64
        Positions of the payments in that order.
    at : ndarray of int64
        Time, with so large a step between two customers that no window reaches from one to another.
    sums : ndarray of int64, one longer
        Running sums of what is added up; whole numbers, so that no rounding depends on the order.
    """

    order: Index
    at: Index
    sums: Index

    @classmethod
    def of(cls, who: Index, time: Index, values: Index) -> Side:
        order = np.argsort(who, kind="stable")
        step = int(time[-1]) + (max(WINDOWS) + DELAY) * DAY + 1
        return cls(
            order,
            who[order] * step + time[order],
            np.concatenate([[0], np.cumsum(values[order], dtype=np.int64)]),
        )

    def since(self, days: int) -> Index:
        """For each payment the first one that is less than so many days older."""
        return np.searchsorted(self.at, self.at - days * DAY, side="right")

    def count_and_mean(self, start: Index, end: Index) -> tuple[Index, Vector]:
        """How many payments there are from `start` to before `end`, and their mean (0 for none), as
        the table is ordered."""
        count, mean = np.empty(len(self.order), np.int64), np.empty(len(self.order))
        count[self.order] = end - start
        mean[self.order] = (self.sums[end] - self.sums[start]) / np.maximum(end - start, 1)
        return count, mean


def features(payments: Payments) -> dict[str, NDArray[np.generic]]:
    """The 15 features. A customer's windows hold the present payment; a terminal's end with what is
    known of frauds."""
    time, customer, terminal, cents, scenario = payments
    day = time // DAY
    made: dict[str, NDArray[np.generic]] = {
        "amount": cents / 100,
        "weekend": ((day + _weekday(START)) % 7 >= 5).astype(np.int8),
        "night": (time % DAY // 3_600 <= 6).astype(np.int8),
    }
    customers = Side.of(customer, time, cents)
    present = np.arange(1, len(time) + 1)
    for days in WINDOWS:
        count, mean = customers.count_and_mean(customers.since(days), present)
        made |= {
            f"customer_count_{days}": count.astype(np.int32),
            f"customer_mean_{days}": mean / 100,
        }
    terminals = Side.of(terminal, time, (scenario > 0).astype(np.int64))
    known = terminals.since(DELAY)
    for days in WINDOWS:
        count, share = terminals.count_and_mean(terminals.since(DELAY + days), known)
        made |= {f"terminal_count_{days}": count.astype(np.int32), f"terminal_risk_{days}": share}
    return made


def _weekday(moment: np.datetime64) -> int:
    """0 for a Monday."""
    return int(moment.astype("datetime64[D]").astype(int) + 3) % 7


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=WHERE, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "table", nargs="?", type=Path, default=TABLE, help=f"a .parquet file to write ({TABLE})"
    )
    for field in fields(Sizes):
        kind = type(field.default)
        parser.add_argument(
            f"--{field.name}",
            type=kind,
            default=field.default,
            help=f"{field.default:g} unless told",
        )
    asked = vars(parser.parse_args())
    table = asked.pop("table")
    payments = simulate(Sizes(**asked))
    files.write_parquet(table, payments)
    print(f"{table}: {len(payments):,} payments, {payments['fraud'].sum():,} frauds")


if __name__ == "__main__":
    raise SystemExit(guarded(main, bring_back=False)())
