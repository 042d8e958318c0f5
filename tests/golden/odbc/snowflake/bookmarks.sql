-- of a row
-- ? = '17'
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), CAST("code" AS varchar), CAST("id" AS varchar) FROM "erp"."orders" t WHERE ("id" = CAST(? AS number(18,0)));

-- hit
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS varchar) FROM "erp"."orders" t WHERE ("updated_at" = CAST(? AS timestamp_tz) AND "code" = CAST(? AS varchar(20)) AND "id" = CAST(? AS number(18,0)));

-- moved up
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '17'
SELECT CAST(COUNT(*) AS varchar), CAST(SUM(CASE WHEN "updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS number(18,0))))) THEN 1 ELSE 0 END) AS varchar) FROM "erp"."orders" t WHERE ("id" = CAST(? AS number(18,0)));

-- echo
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', v0), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), CAST(v1 AS varchar), CAST(v2 AS varchar) FROM (SELECT CAST(? AS timestamp_tz) AS v0, CAST(? AS varchar(20)) AS v1, CAST(? AS number(18,0)) AS v2) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '17'
SELECT CAST(COUNT(*) AS varchar), CAST(SUM(CASE WHEN "updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS number(18,0))))) THEN 1 ELSE 0 END) AS varchar) FROM (SELECT o.* FROM erp.orders o WHERE ("id" = CAST(? AS number(18,0)))) t;
