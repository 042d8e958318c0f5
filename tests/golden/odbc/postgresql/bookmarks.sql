-- of a row
-- ? = '17'
SELECT CAST("updated_at" AS text), CAST("code" AS text), CAST("id" AS text) FROM "erp"."orders" t WHERE ("id" = CAST(? AS bigint));

-- hit
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS text) FROM "erp"."orders" t WHERE ("updated_at" = CAST(? AS timestamp with time zone) AND "code" = CAST(? AS character varying(20)) AND "id" = CAST(? AS bigint));

-- moved up
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at", "code", "id") > (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint)) THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE ("id" = CAST(? AS bigint));

-- echo
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(v0 AS text), CAST(v1 AS text), CAST(v2 AS text) FROM (SELECT CAST(? AS timestamp with time zone) AS v0, CAST(? AS character varying(20)) AS v1, CAST(? AS bigint) AS v2) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at", "code", "id") > (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint)) THEN 1 ELSE 0 END) AS text) FROM (SELECT o.* FROM erp.orders o WHERE ("id" = CAST(? AS bigint))) t;
