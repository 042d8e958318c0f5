-- versions
-- ? = '"erp"."orders"'
SELECT CAST(CHANGE_TRACKING_CURRENT_VERSION() AS nvarchar(20)), CAST(CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(?)) AS nvarchar(20));

-- a page of what was written
-- ? = '17', '99'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("id" > CAST(? AS bigint)) AND ("id" <= CAST(? AS bigint)) AND ((status <> 'draft') AND EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES "erp"."orders", 41) AS c WHERE c.SYS_CHANGE_OPERATION <> 'D' AND c."id" = t."id")) ORDER BY t."id";

-- how many were written
SELECT CAST(COUNT_BIG(*) AS nvarchar(4000)), CAST(0 AS nvarchar(4000)) FROM "erp"."orders" t WHERE ((status <> 'draft') AND EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES "erp"."orders", 41) AS c WHERE c.SYS_CHANGE_OPERATION <> 'D' AND c."id" = t."id"));

-- deleted
SELECT "id" AS "id" FROM CHANGETABLE(CHANGES "erp"."orders", 41) AS c WHERE c.SYS_CHANGE_OPERATION = 'D' ORDER BY c."id";

-- deleted, or out of the filter
SELECT "id" AS "id" FROM CHANGETABLE(CHANGES "erp"."orders", 41) AS c WHERE (c.SYS_CHANGE_OPERATION = 'D' OR NOT EXISTS (SELECT 1 FROM "erp"."orders" t WHERE c."id" = t."id" AND (status <> 'draft'))) ORDER BY c."id";

-- anything
SELECT TOP (1) 1 AS found FROM CHANGETABLE(CHANGES "erp"."orders", 41) AS c;
