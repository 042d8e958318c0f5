-- of all rows
SELECT CONVERT(varchar(40), "updated_at", 126), CAST("id" AS nvarchar(4000)) FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT_BIG(*) OVER () AS n FROM "erp"."orders" t) AS cuts WHERE rn = FLOOR(n * 1 / 3.0) OR rn = FLOOR(n * 2 / 3.0) ORDER BY rn;

-- of some rows
-- ? = '2025-11-05 10:00:00.000001'
SELECT CONVERT(varchar(40), "updated_at", 126), CAST("id" AS nvarchar(4000)) FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT_BIG(*) OVER () AS n FROM "erp"."orders" t TABLESAMPLE SYSTEM (1.250000 PERCENT) REPEATABLE (1) WHERE ("updated_at" >= CAST(? AS datetime2(7)))) AS cuts WHERE rn = FLOOR(n * 1 / 2.0) ORDER BY rn;
