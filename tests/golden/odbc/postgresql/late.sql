-- within the lag
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-05 09:50:00'
SELECT "id", "updated_at", "code" FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND ("updated_at" >= CAST(? AS timestamp with time zone));

-- of any time
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT "id", "updated_at", "code" FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint)));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001'
SELECT CAST(v AS text) FROM (SELECT (CAST(? AS timestamp with time zone) - interval '600.000000 seconds') AS v) t;

-- the window of a number begins
-- ? = '17'
SELECT CAST(v AS text) FROM (SELECT (CAST(? AS bigint) - 100) AS v) t;

-- since the horizon
-- ? = '704', '2025-11-05 10:00:00.000001', 'b', '17', '2025-01-01'
SELECT "id", "updated_at", "code" FROM "erp"."orders" t WHERE (age(xmin) <= (SELECT age(CAST(CAST(? AS text) AS xid)))) AND (("updated_at", "code", "id") <= (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND ("updated_at" >= CAST(? AS timestamp with time zone));

-- the horizon
SELECT CAST(pg_snapshot_xmin(s) AS text), CAST(pg_snapshot_xmax(s) AS text) FROM pg_current_snapshot() s;
