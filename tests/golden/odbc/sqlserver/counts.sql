-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(0 AS nvarchar(4000)), CAST(SUM("amount") AS nvarchar(4000)), CAST(SUM("tax") AS nvarchar(4000)) FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS bigint))))) AND ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS bigint))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(0 AS nvarchar(4000)) FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS bigint))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(0 AS nvarchar(4000)) FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- rows without a cursor
SELECT "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT TOP (1) 1 FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS bigint))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id";

-- is there any at all
SELECT TOP (1) 1 FROM "erp"."orders" t WHERE ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id";
