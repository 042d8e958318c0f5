-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-06 00:00:00', 'ä', '99'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at" < '0001-01-01' OR "updated_at" >= '10000-01-01') THEN 1 ELSE 0 END) AS text), CAST(SUM("amount") AS text), CAST(SUM("tax") AS text) FROM "erp"."orders" t WHERE (("updated_at", "code", "id") > (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND (("updated_at", "code", "id") <= (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at" < '0001-01-01' OR "updated_at" >= '10000-01-01') THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at" < '0001-01-01' OR "updated_at" >= '10000-01-01') THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- rows without a cursor
SELECT "id", "updated_at", "code" FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT 1 FROM "erp"."orders" t WHERE (("updated_at", "code", "id") > (CAST(? AS timestamp with time zone), CAST(? AS character varying(20)), CAST(? AS bigint))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;

-- is there any at all
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;
