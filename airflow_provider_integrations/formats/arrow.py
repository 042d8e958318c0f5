"""Arrow under names that the type checker lets pass: its stubs know fewer signatures than the library has.

At run time these are pyarrow's own modules; the aliases say in signatures what is meant.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute
import pyarrow.csv

__all__ = ["Array", "DataType", "Scalar", "Table", "pa", "pa_csv", "pc"]

pa: Any = pyarrow
pc: Any = pyarrow.compute
pa_csv: Any = pyarrow.csv
Array: TypeAlias = Any
DataType: TypeAlias = Any
Scalar: TypeAlias = Any
Table: TypeAlias = Any
