"""Devices that XGBoost can compute on, and the meaning of `auto` on this machine.

When a device is missing, XGBoost warns and computes on the CPU. When its number is too high,
XGBoost takes another device. So a fit of two rows tests each device first: its configuration shows
which device was used.
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
def device_used(device: str) -> str:
    """Find the device that XGBoost uses when this one is requested.

    Parameters
    ----------
    device : str
        A name that XGBoost takes, such as "cpu", "cuda" or "cuda:1".

    Returns
    -------
    str
        "cpu", or "cuda" with a number, such as "cuda:0".

    Raises
    ------
    ValueError
        XGBoost's own, when the device exists and cannot be used.
    """
    from xgboost import DMatrix, train

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning about a changed device: the result shows it
        rows = DMatrix(np.array([[0.0], [1.0]]), label=[0, 1], nthread=1)
        booster = train({"device": device, "nthread": 1}, rows, num_boost_round=1)
    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])


def missing(device: str, where: str) -> DeviceError | None:
    """Describe the error where a device is missing.

    Parameters
    ----------
    device : str
        As in params.yaml: "cpu", "auto", or "cuda" with or without a number.
    where : str
        The place of the setting, for the message.

    Returns
    -------
    DeviceError or None
        None where the device can be used.
    """
    if device in (CPU, AUTO):
        return None
    import xgboost

    try:
        found = device_used(device)
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
    """Describe the error where XGBoost uses another device than the one requested.

    Parameters
    ----------
    device : str
        The device requested.
    found : str
        The device that XGBoost used, or its error message.
    version : str
        XGBoost's version.
    built_with_cuda : bool
        Whether this build of XGBoost has CUDA.
    where : str
        The place of the setting, for the message.

    Returns
    -------
    DeviceError or None
        None where `found` is the device requested.
    """
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
        todo = "check `nvidia-smi`, CUDA_VISIBLE_DEVICES and the age of the driver"
    elif found.startswith(CUDA):
        expected, found = (
            "a CUDA device of that number",
            f"xgboost {version} takes {found} in its place",
        )
        todo = "check which numbers `nvidia-smi` and CUDA_VISIBLE_DEVICES leave"
    else:
        expected, found = "a CUDA device that works", f"xgboost {version} says: {found}"
        todo = "check `nvidia-smi`"
    return DeviceError(
        f"The device {device} is not there, and XGBoost would compute elsewhere with only"
        " a warning.",
        where=where,
        expected=expected,
        found=found,
        todo=f"{todo}, or write device: {AUTO} or {CPU}.",
    )


def require(device: str, where: str) -> None:
    """Check that a device can be used.

    Parameters
    ----------
    device : str
        As in params.yaml.
    where : str
        The place of the setting, for the message.

    Raises
    ------
    DeviceError
        When the device is missing or cannot be used.
    """
    error = missing(device, where)
    if error is not None:
        raise error


@cache
def resolved(device: str) -> str:
    """Resolve `auto` to the device that this machine has.

    Parameters
    ----------
    device : str
        As in params.yaml.

    Returns
    -------
    str
        "cuda" or "cpu" for "auto"; any other device unchanged.
    """
    if device != AUTO:
        return device
    return CUDA if missing(CUDA, "") is None else CPU
