import pytest
from tests.fakes.odbc_servers import OdbcDatabase

pytestmark = pytest.mark.integration


def test_each_engine_answers(odbc_database: OdbcDatabase) -> None:
    odbc_database.execute("CREATE TABLE t (id int primary key)", "INSERT INTO t VALUES (1)")
    assert odbc_database.execute("SELECT id FROM t") == [(1,)]
