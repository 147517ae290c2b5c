"""Devices that XGBoost computes on: which are there, and what `auto` means on this machine.

Asked for a device that is not there, XGBoost warns and computes on the CPU; where the number is too
high it takes another one. So it is asked before anything is fitted there, by a fit of two rows: its
configuration says afterwards where that was.
"""

from __future__ import annotations

import json
import warnings
from functools import cache

import numpy as np

from counterpoise.core.config import AUTO, CPU, CUDA
from counterpoise.core.errors import DeviceError
from counterpoise.core.outcome import reason_of


@cache
def answering(device: str) -> str:
    """The device that XGBoost computes on when it is asked for this one: cpu, or cuda with a
    number.

    Raises
    ------
    ValueError
        XGBoost's own, when the device is there and cannot be used.
    """
    from xgboost import DMatrix, train

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it changes the device is what is asked
        rows = DMatrix(np.array([[0.0], [1.0]]), label=[0, 1], nthread=1)
        booster = train({"device": device, "nthread": 1}, rows, num_boost_round=1)
    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])


def missing(device: str, where: str) -> DeviceError | None:
    """What to tell of a device that is not there; None where it is."""
    if device in (CPU, AUTO):
        return None
    import xgboost

    try:
        found = answering(device)
    except ValueError as error:
        found = reason_of(error)
    return refusal(
        device,
        found,
        xgboost.__version__,
        built_with_cuda=xgboost.build_info()["USE_CUDA"],
        where=where,
    )


def refusal(
    device: str, found: str, version: str, *, built_with_cuda: bool, where: str
) -> DeviceError | None:
    """What to tell where `found` is what XGBoost of some version says to a device; None where it is
    that very device."""
    if found == (f"{CUDA}:0" if device == CUDA else device):
        return None
    if not built_with_cuda:
        expected, found = (
            "an XGBoost with CUDA",
            f"xgboost {version} that was built for the CPU alone",
        )
        todo = "make an environment of requirements-gpu.lock"
    elif found == CPU:
        expected, found = (
            "a CUDA device",
            f"xgboost {version} with CUDA, and no device that answers it",
        )
        todo = "see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say, and how old the driver is"
    elif found.startswith(CUDA):
        expected, found = (
            "a CUDA device of that number",
            f"xgboost {version} takes {found} in its place",
        )
        todo = "see which numbers `nvidia-smi` and CUDA_VISIBLE_DEVICES leave"
    else:
        expected, found = "a CUDA device that works", f"xgboost {version} says: {found}"
        todo = "see what `nvidia-smi` says"
    return DeviceError(
        f"The device {device} is not there, and XGBoost would compute elsewhere with a mere"
        " warning.",
        where=where,
        expected=expected,
        found=found,
        todo=f"{todo}, or write device: {AUTO} or {CPU}.",
    )


def require(device: str, where: str) -> None:
    """Make sure that a device is there.

    Raises
    ------
    DeviceError
    """
    error = missing(device, where)
    if error is not None:
        raise error


@cache
def resolved(device: str) -> str:
    """The device that an entry asks for, by name: `auto` is cuda where it is there, else cpu."""
    if device != AUTO:
        return device
    return CUDA if missing(CUDA, "") is None else CPU
