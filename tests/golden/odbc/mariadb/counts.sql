-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', '2025-11-06 00:00:00', 'ä', '99'
SELECT CAST(COUNT(*) AS char), CAST(SUM(CASE WHEN (`updated_at` = 0 OR MONTH(`updated_at`) = 0 OR DAYOFMONTH(`updated_at`) = 0 OR YEAR(`updated_at`) = 0) THEN 1 ELSE 0 END) AS char), CAST(SUM(`amount`) AS char), CAST(SUM(`tax`) AS char) FROM `erp`.`orders` t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` > CAST(? AS SIGNED)))) AND (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` <= CAST(? AS SIGNED)))) AND (`updated_at` IS NOT NULL) AND (`code` IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS char), CAST(SUM(CASE WHEN (`updated_at` = 0 OR MONTH(`updated_at`) = 0 OR DAYOFMONTH(`updated_at`) = 0 OR YEAR(`updated_at`) = 0) THEN 1 ELSE 0 END) AS char) FROM `erp`.`orders` t WHERE (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` <= CAST(? AS SIGNED)))) AND (`updated_at` IS NOT NULL) AND (`code` IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT(*) AS char), CAST(SUM(CASE WHEN (`updated_at` = 0 OR MONTH(`updated_at`) = 0 OR DAYOFMONTH(`updated_at`) = 0 OR YEAR(`updated_at`) = 0) THEN 1 ELSE 0 END) AS char) FROM `erp`.`orders` t WHERE ((`updated_at` IS NULL OR `code` IS NULL));

-- rows without a cursor
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE ((`updated_at` IS NULL OR `code` IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17'
SELECT 1 FROM `erp`.`orders` t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` > CAST(? AS SIGNED)))) AND (`updated_at` IS NOT NULL) AND (`code` IS NOT NULL) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1;

-- is there any at all
SELECT 1 FROM `erp`.`orders` t WHERE (`updated_at` IS NOT NULL) AND (`code` IS NOT NULL) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1;
