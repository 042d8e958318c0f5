-- of a row
-- ? = '17'
SELECT CASE typeof("updated_at") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.15g', "updated_at") WHEN CAST(printf('%!.16g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.16g', "updated_at") ELSE printf('%!.17g', "updated_at") END WHEN 'blob' THEN 'x''' || hex("updated_at") || '''' ELSE CAST("updated_at" AS TEXT) END, CASE typeof("code") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "code") AS REAL) = "code" THEN printf('%!.15g', "code") WHEN CAST(printf('%!.16g', "code") AS REAL) = "code" THEN printf('%!.16g', "code") ELSE printf('%!.17g', "code") END WHEN 'blob' THEN 'x''' || hex("code") || '''' ELSE CAST("code" AS TEXT) END, CASE typeof("id") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "id") AS REAL) = "id" THEN printf('%!.15g', "id") WHEN CAST(printf('%!.16g', "id") AS REAL) = "id" THEN printf('%!.16g', "id") ELSE printf('%!.17g', "id") END WHEN 'blob' THEN 'x''' || hex("id") || '''' ELSE CAST("id" AS TEXT) END FROM "erp"."orders" t WHERE ("id" = ?);

-- hit
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS text) FROM "erp"."orders" t WHERE ("updated_at" = ? AND "code" = ? AND "id" = ?);

-- moved up
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at", "code", "id") > (?, ?, ?) THEN 1 ELSE 0 END) AS text) FROM "erp"."orders" t WHERE ("id" = ?);

-- echo
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CASE typeof(v0) WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', v0) AS REAL) = v0 THEN printf('%!.15g', v0) WHEN CAST(printf('%!.16g', v0) AS REAL) = v0 THEN printf('%!.16g', v0) ELSE printf('%!.17g', v0) END WHEN 'blob' THEN 'x''' || hex(v0) || '''' ELSE CAST(v0 AS TEXT) END, CASE typeof(v1) WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', v1) AS REAL) = v1 THEN printf('%!.15g', v1) WHEN CAST(printf('%!.16g', v1) AS REAL) = v1 THEN printf('%!.16g', v1) ELSE printf('%!.17g', v1) END WHEN 'blob' THEN 'x''' || hex(v1) || '''' ELSE CAST(v1 AS TEXT) END, CASE typeof(v2) WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', v2) AS REAL) = v2 THEN printf('%!.15g', v2) WHEN CAST(printf('%!.16g', v2) AS REAL) = v2 THEN printf('%!.16g', v2) ELSE printf('%!.17g', v2) END WHEN 'blob' THEN 'x''' || hex(v2) || '''' ELSE CAST(v2 AS TEXT) END FROM (SELECT ? AS v0, ? AS v1, ? AS v2) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS text), CAST(SUM(CASE WHEN ("updated_at", "code", "id") > (?, ?, ?) THEN 1 ELSE 0 END) AS text) FROM (SELECT o.* FROM erp.orders o WHERE ("id" = ?)) t;
