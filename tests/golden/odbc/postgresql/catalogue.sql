-- columns
-- ? = '"erp"."orders"'
SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END, CAST(CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END AS text), CAST(NULL AS text), CAST(NULL AS text), CAST(c.collname AS text) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation WHERE a.attrelid = to_regclass(CAST(? AS text)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;

-- primary key
-- ? = '"erp"."orders"'
SELECT CAST(a.attname AS text) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE i.indrelid = to_regclass(CAST(? AS text)) AND i.indisprimary ORDER BY k.n;

-- indexes
-- ? = '"erp"."orders"'
SELECT CAST(x.relname AS text), CAST(a.attname AS text) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree' CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE i.indrelid = to_regclass(CAST(? AS text)) AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts ORDER BY x.relname, k.n;

-- estimate
-- ? = '"erp"."orders"'
SELECT CASE WHEN reltuples < 0 THEN NULL ELSE CAST(CAST(reltuples AS bigint) AS text) END, CASE WHEN relkind IN ('r', 'm') THEN '1' ELSE '0' END FROM pg_class WHERE oid = to_regclass(CAST(? AS text));

-- columns of a table of the login's own schema
-- ? = '"orders"'
SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END, CAST(CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END AS text), CAST(NULL AS text), CAST(NULL AS text), CAST(c.collname AS text) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation WHERE a.attrelid = to_regclass(CAST(? AS text)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
