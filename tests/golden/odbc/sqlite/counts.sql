-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-06 00:00:00', 'ä', '99'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN (typeof("id") = 'text' AND instr("id", char(0)) > 0) OR (typeof("updated_at") = 'text' AND instr("updated_at", char(0)) > 0) OR (typeof("code") = 'text' AND instr("code", char(0)) > 0) THEN 1 ELSE 0 END) AS text), CAST(SUM("amount") AS text), CAST(SUM("tax") AS text) FROM "erp"."orders" t WHERE (("updated_at", "code", "id") > (?, ?, ?)) AND (("updated_at", "code", "id") <= (?, ?, ?)) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN (typeof("id") = 'text' AND instr("id", char(0)) > 0) OR (typeof("updated_at") = 'text' AND instr("updated_at", char(0)) > 0) OR (typeof("code") = 'text' AND instr("code", char(0)) > 0) THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (?, ?, ?)) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN (typeof("id") = 'text' AND instr("id", char(0)) > 0) OR (typeof("updated_at") = 'text' AND instr("updated_at", char(0)) > 0) OR (typeof("code") = 'text' AND instr("code", char(0)) > 0) THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- rows without a cursor
SELECT CASE typeof("id") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "id") AS REAL) = "id" THEN printf('%!.15g', "id") WHEN CAST(printf('%!.16g', "id") AS REAL) = "id" THEN printf('%!.16g', "id") ELSE printf('%!.17g', "id") END WHEN 'blob' THEN 'x''' || hex("id") || '''' ELSE CAST("id" AS TEXT) END AS "id", CASE typeof("updated_at") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.15g', "updated_at") WHEN CAST(printf('%!.16g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.16g', "updated_at") ELSE printf('%!.17g', "updated_at") END WHEN 'blob' THEN 'x''' || hex("updated_at") || '''' ELSE CAST("updated_at" AS TEXT) END AS "updated_at", CASE typeof("code") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "code") AS REAL) = "code" THEN printf('%!.15g', "code") WHEN CAST(printf('%!.16g', "code") AS REAL) = "code" THEN printf('%!.16g', "code") ELSE printf('%!.17g', "code") END WHEN 'blob' THEN 'x''' || hex("code") || '''' ELSE CAST("code" AS TEXT) END AS "code" FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT 1 FROM "erp"."orders" t WHERE (("updated_at", "code", "id") > (?, ?, ?)) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;

-- is there any at all
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;
