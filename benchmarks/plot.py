"""Draws docs/odbc-extraction.svg from the results file: rows a second and peak memory of each way.

python -m benchmarks.plot
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.machine import RESULTS

__all__ = ["draw"]

TARGET = Path(__file__).parents[1] / "docs" / "odbc-extraction.svg"
_ROW, _LEFT, _WIDTH = 26, 190, 300
_OURS = "#2a6f97"
_OTHERS = "#b0b7bf"


def draw(result: dict[str, Any]) -> str:
    """The picture as SVG text: two columns of bars, one row for each way that read all rows."""
    ways = {
        way: figure
        for way, figure in result["figures"].items()
        if figure.get("rows_per_s") and figure["rows"] >= result["options"]["rows"]
    }
    fastest = max(figure["rows_per_s"] for figure in ways.values())
    largest = max(figure["peak_mb"] for figure in ways.values())
    height = 60 + _ROW * len(ways)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + 2 * _WIDTH + 180}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<text x="{_LEFT}" y="24" font-weight="bold">rows a second</text>',
        f'<text x="{_LEFT + _WIDTH + 90}" y="24" font-weight="bold">peak memory, MB</text>',
    ]
    for at, (way, figure) in enumerate(sorted(ways.items(), key=lambda entry: -entry[1]["rows_per_s"])):
        y = 40 + at * _ROW
        colour = _OURS if way.startswith("ours") else _OTHERS
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(way.replace("_", " "))}</text>')
        for x, value, most in (
            (_LEFT, figure["rows_per_s"], fastest),
            (_LEFT + _WIDTH + 90, figure["peak_mb"], largest),
        ):
            width = max(1, round(_WIDTH * value / most))
            parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="18" fill="{colour}"/>')
            parts.append(f'<text x="{x + width + 4}" y="{y + 14}">{value:,.0f}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    TARGET.write_text(draw(json.loads((RESULTS / "odbc.json").read_text())), encoding="utf-8")
