"""What a figure shows, read back from its pixels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Locator

PLOT_AREA = """figure => {
    const area = figure.querySelector('.plotarea_events').getBoundingClientRect();
    return [area.x, area.y, area.width, area.height];
}"""


def plot_area(figure: Locator) -> tuple[float, float, float, float]:
    """x, y, width and height of a figure's plot area on the page, in pixels."""
    x, y, width, height = figure.evaluate(PLOT_AREA)
    return x, y, width, height


def drawn_points(figure: Locator, nth: int = 0) -> np.ndarray:
    """Points of the nth line of a figure, in pixels of its plot area: ndarray of shape (n_points, 2)."""
    path = figure.locator("path.line").nth(nth).get_attribute("d") or ""
    return np.array(re.findall(r"(-?[\d.]+(?:e-?\d+)?),(-?[\d.]+(?:e-?\d+)?)", path), float).reshape(-1, 2)


def in_data(points: np.ndarray, area: tuple[float, float, float, float], x: list[float], y: list[float]) -> np.ndarray:
    """Pixels of the plot area as values of the scales x = [min, max] and y = [min, max]."""
    _, _, width, height = area
    at = x[0] + points[:, 0] / width * (x[1] - x[0])
    values = y[1] - points[:, 1] / height * (y[1] - y[0])
    return np.column_stack([at, values])


def assert_same_curve(drawn: np.ndarray, expected: np.ndarray) -> None:
    """Heights in the page are these values, on whatever scale."""
    scale = np.polyfit(drawn, expected, 1)
    assert np.polyval(scale, drawn) == pytest.approx(expected, abs=1e-3 * float(np.ptp(expected)) + 1e-5)
    assert scale[0] > 0
