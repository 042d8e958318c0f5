-- of all rows
SELECT TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), TO_CHAR("id", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT(*) OVER () AS n FROM "erp"."orders" t) cuts WHERE rn = FLOOR(n * 1 / 3.0) OR rn = FLOOR(n * 2 / 3.0) ORDER BY rn;

-- of some rows
-- ? = '2025-11-05 10:00:00.000001000 +00:00'
SELECT TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), TO_CHAR("id", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') FROM (SELECT "updated_at", "id", ROW_NUMBER() OVER (ORDER BY "updated_at", "id") AS rn, COUNT(*) OVER () AS n FROM "erp"."orders" SAMPLE BLOCK (1.250000) SEED (1) t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'))) cuts WHERE rn = FLOOR(n * 1 / 2.0) ORDER BY rn;
