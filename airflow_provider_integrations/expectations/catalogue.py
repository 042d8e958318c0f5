"""The Great Expectations types that the gate takes, and what each of them looks at.

A type is here only if its counts combine exactly over batches and run inside DuckDB, and if a test has compared it with
Great Expectations over pandas. Everything else is refused by name: a rule that is skipped in silence is worse than one
that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CATALOGUE", "Kind", "Rule"]


class Kind(StrEnum):
    """What an expectation looks at, which decides how it is split by batch and what its failure means."""

    ROWS = "rows"
    """Each row for itself: the rows that break it are known, counts add up."""
    UNIQUE = "unique"
    """Each row against the others of its batch: every member of a set of duplicates breaks it."""
    COUNT = "count"
    """The number of rows."""
    SCHEMA = "schema"
    """The columns' names; the same for every batch of a group."""
    AGGREGATE = "aggregate"
    """One number over a column; taken for each batch by itself."""

    @property
    def row_level(self) -> bool:
        """Whether single rows can be named that break it."""
        return self in {Kind.ROWS, Kind.UNIQUE}


@dataclass(frozen=True, slots=True)
class Rule:
    """One type.

    Args:
        kind: What it looks at.
        columns: The arguments that name columns.
        required: Arguments that must be given.
        optional: Arguments that may be given.
        either: Arguments of which at least one must be given: without any, Great Expectations passes everything.
        shows_data: Whether its observed value is a value out of the column.
    """

    kind: Kind
    columns: tuple[str, ...] = ("column",)
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    shows_data: bool = False

    @property
    def arguments(self) -> frozenset[str]:
        """All arguments that may be given."""
        return frozenset((*self.columns, *self.required, *self.optional, *self.either))


_BOUNDS = ("min_value", "max_value")
_STRICT = ("strict_min", "strict_max")
_MOSTLY = ("mostly",)


def _bounds(*, shows_data: bool = False) -> Rule:
    return Rule(Kind.AGGREGATE, optional=_STRICT, either=_BOUNDS, shows_data=shows_data)


CATALOGUE: dict[str, Rule] = {
    "expect_column_distinct_values_to_be_in_set": Rule(Kind.AGGREGATE, required=("value_set",), shows_data=True),
    "expect_column_distinct_values_to_contain_set": Rule(Kind.AGGREGATE, required=("value_set",), shows_data=True),
    "expect_column_distinct_values_to_equal_set": Rule(Kind.AGGREGATE, required=("value_set",), shows_data=True),
    "expect_column_max_to_be_between": _bounds(shows_data=True),
    "expect_column_mean_to_be_between": _bounds(),
    "expect_column_min_to_be_between": _bounds(shows_data=True),
    "expect_column_pair_values_a_to_be_greater_than_b": Rule(
        Kind.ROWS, columns=("column_A", "column_B"), optional=("or_equal", "ignore_row_if", *_MOSTLY)
    ),
    "expect_column_pair_values_to_be_equal": Rule(
        Kind.ROWS, columns=("column_A", "column_B"), optional=("ignore_row_if", *_MOSTLY)
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _bounds(),
    "expect_column_proportion_of_unique_values_to_be_between": _bounds(),
    "expect_column_sum_to_be_between": _bounds(),
    "expect_column_to_exist": Rule(Kind.SCHEMA),
    "expect_column_unique_value_count_to_be_between": _bounds(),
    "expect_column_value_lengths_to_be_between": Rule(Kind.ROWS, optional=(*_STRICT, *_MOSTLY), either=_BOUNDS),
    "expect_column_value_lengths_to_equal": Rule(Kind.ROWS, required=("value",), optional=_MOSTLY),
    "expect_column_values_to_be_between": Rule(Kind.ROWS, optional=(*_STRICT, *_MOSTLY), either=_BOUNDS),
    "expect_column_values_to_be_in_set": Rule(Kind.ROWS, required=("value_set",), optional=_MOSTLY),
    "expect_column_values_to_be_null": Rule(Kind.ROWS, optional=_MOSTLY),
    "expect_column_values_to_be_unique": Rule(Kind.UNIQUE, optional=_MOSTLY),
    "expect_column_values_to_match_regex": Rule(Kind.ROWS, required=("regex",), optional=_MOSTLY),
    "expect_column_values_to_not_be_in_set": Rule(Kind.ROWS, required=("value_set",), optional=_MOSTLY),
    "expect_column_values_to_not_be_null": Rule(Kind.ROWS, optional=_MOSTLY),
    "expect_column_values_to_not_match_regex": Rule(Kind.ROWS, required=("regex",), optional=_MOSTLY),
    "expect_compound_columns_to_be_unique": Rule(
        Kind.UNIQUE, columns=("column_list",), optional=("ignore_row_if", *_MOSTLY)
    ),
    "expect_table_columns_to_match_set": Rule(Kind.SCHEMA, columns=("column_set",), optional=("exact_match",)),
    "expect_table_row_count_to_be_between": Rule(Kind.COUNT, columns=(), optional=_STRICT, either=_BOUNDS),
    "expect_table_row_count_to_equal": Rule(Kind.COUNT, columns=(), required=("value",)),
}
