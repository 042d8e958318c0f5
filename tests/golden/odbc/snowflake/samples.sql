-- of all rows
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), CAST("id" AS varchar) FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT(*) OVER () AS n FROM "erp"."orders" t) AS cuts WHERE rn = FLOOR(n * 1 / 3.0) OR rn = FLOOR(n * 2 / 3.0) ORDER BY rn;

-- of some rows
-- ? = '2025-11-05 10:00:00.000001'
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), CAST("id" AS varchar) FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT(*) OVER () AS n FROM "erp"."orders" t SAMPLE SYSTEM (1.250000) SEED (1) WHERE ("updated_at" >= CAST(? AS timestamp_tz))) AS cuts WHERE rn = FLOOR(n * 1 / 2.0) ORDER BY rn;
