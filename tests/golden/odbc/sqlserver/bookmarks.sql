-- of a row
-- ? = '17'
SELECT CONVERT(varchar(40), "updated_at", 126), "code", CAST("id" AS nvarchar(4000)) FROM "erp"."orders" t WHERE ("id" = CAST(? AS bigint));

-- hit
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)) FROM "erp"."orders" t WHERE ("updated_at" = CAST(? AS datetime2(7)) AND "code" = CAST(? AS varchar(20)) AND "id" = CAST(? AS bigint));

-- moved up
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '17'
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(SUM(CASE WHEN "updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS bigint)))) THEN 1 ELSE 0 END) AS nvarchar(4000)) FROM "erp"."orders" t WHERE ("id" = CAST(? AS bigint));

-- echo
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CONVERT(varchar(40), v0, 126), v1, CAST(v2 AS nvarchar(4000)) FROM (SELECT CAST(? AS datetime2(7)) AS v0, CAST(? AS varchar(20)) AS v1, CAST(? AS bigint) AS v2) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '17'
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(SUM(CASE WHEN "updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS bigint)))) THEN 1 ELSE 0 END) AS nvarchar(4000)) FROM (SELECT o.* FROM erp.orders o WHERE ("id" = CAST(? AS bigint))) t;
