"""The tests' warehouse server transforms each statement as fakesnow itself does, only with fewer walks over its tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakesnow import transforms
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from fakesnow.instance import FakeSnow
from sqlglot import exp

from tests.fakes.quick_fakesnow import kinds_of, quickened

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests/golden/warehouse").rglob("*.sql"))
OURS = [*GOLDEN[::6], *(ROOT / "include/sql/gold").glob("users_*.sql")]
OTHERS = """
    SHOW TABLES; SHOW PRIMARY KEYS IN SCHEMA; USE SCHEMA x; ALTER SESSION SET a = 1; DROP SCHEMA x; SET a = 1; LIST @%t;
    SELECT TO_TIMESTAMP('1'), OBJECT_CONSTRUCT('a', 1), a:b.c::varchar FROM t, LATERAL FLATTEN(input => x) f;
    SELECT ARRAY_AGG(x) WITHIN GROUP (ORDER BY y), TRIM(z::varchar), '1'::int, SUM('1'), ARRAY_SIZE(a) FROM t;
    SELECT TO_DATE('2020-01-01'), DATEADD(day, 1, '2020-01-01'), DATEDIFF(day, '2020-01-01', '2020-02-01'), SHA2('a');
    CREATE TABLE a (b INT COMMENT 'x', c VARCHAR(3), d VARIANT, e FLOAT, f TIMESTAMP_NTZ) COMMENT = 'k';
    CREATE TABLE a AS SELECT 1 AS b; ALTER TABLE a CLUSTER BY (b); SELECT x AS a FROM t JOIN u ON t.i = u.i WHERE a = 1;
    SELECT REGEXP_REPLACE(a, 'b', 'c'), REGEXP_SUBSTR(a, 'b'), SPLIT(a, ','), TRY_PARSE_JSON(a), RANDOM(), s.NEXTVAL FROM t;
    PUT 'file:///etc/hostname' @%t; SELECT * FROM INFORMATION_SCHEMA.TABLES; SELECT a[0], CURRENT_VERSION() FROM t SAMPLE (3);
"""


@pytest.fixture(scope="module")
def cursor() -> FakeSnowflakeCursor:
    return FakeSnow().connect("DB", "PUBLIC").cursor()


def transformed(how: Callable[..., exp.Expr], cursor: FakeSnowflakeCursor, statement: exp.Expr) -> object:
    try:
        made = how(cursor, statement.copy(), None)
    except Exception as error:
        return repr(error)
    return repr(made), sorted(made.args)


@pytest.mark.parametrize(
    "text", [*(path.read_text() for path in OURS), OTHERS], ids=[*(path.stem for path in OURS), "others"]
)
def test_what_comes_out_is_the_same(text: str, cursor: FakeSnowflakeCursor) -> None:
    plain = FakeSnowflakeCursor._transform
    quick = quickened(plain)
    for each in filter(str.strip, text.split(";")):
        try:
            statement = parse_one(each)
        except Exception:
            continue
        if isinstance(statement, exp.Create) and statement.kind in ("STAGE", "FILE FORMAT"):
            continue  # becomes a row that says when it was made
        assert transformed(quick, cursor, statement) == transformed(plain, cursor, statement), each


def test_what_a_transformation_is_about_is_read_off_its_source() -> None:
    assert set(kinds_of(transforms.tag) or ()) == {exp.Alter, exp.Command, exp.Create, exp.Drop}
    assert kinds_of(transforms.list_stage) == (exp.ListStage,)
    assert kinds_of(transforms.show_schemas) == (exp.Show,)
    assert set(kinds_of(transforms.array_agg) or ()) == {exp.ArrayAgg, exp.Window}


def test_where_the_source_does_not_say_nothing_is_left_out() -> None:
    assert kinds_of(transforms.update_variables) is None
    assert kinds_of(transforms.integer_precision) is None, "of any node it asks whether its `this` is a type"
