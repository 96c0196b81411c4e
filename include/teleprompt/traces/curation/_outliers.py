"""How far values lie from the rest, by statistics that outliers cannot move."""

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

NORMAL_MAD = 1.4826
NORMAL_MEAN_DEVIATION = 1.2533
"""Factors that make either deviation estimate a normal distribution's standard deviation."""


def distances(values: "Floats", *, method: Literal["robust_z", "iqr"]) -> "Floats":
    """Distance of each value from the rest; NaN stays NaN.

    `robust_z`: from the median, in deviations estimated by the median absolute deviation, or by the mean one where more
    than half of the values are equal (Iglewicz and Hoaglin 1993). `iqr`: from the nearer quartile, in interquartile
    ranges (Tukey 1977).
    """
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros_like(values)
    if method == "iqr":
        low, high = np.quantile(known, [0.25, 0.75])
        outside = np.maximum(low - values, values - high)
        ranges: Floats = np.maximum(outside, 0) / ((high - low) or _mean_deviation(known) or 1.0)
        return ranges
    centre = np.median(known)
    deviation = NORMAL_MAD * float(np.median(np.abs(known - centre))) or _mean_deviation(known)
    result: Floats = np.abs(values - centre) / (deviation or 1.0)
    return result


def _mean_deviation(known: "Floats") -> float:
    import numpy as np

    return NORMAL_MEAN_DEVIATION * float(np.mean(np.abs(known - np.median(known))))
