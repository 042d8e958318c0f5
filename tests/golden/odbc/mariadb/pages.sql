-- the first page
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- by key alone
-- ? = '17', '99'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (`id` > CAST(? AS SIGNED)) AND (`id` <= CAST(? AS SIGNED)) ORDER BY t.`id` LIMIT 1000;

-- above one cursor and the key
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', '17'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `id` > CAST(? AS SIGNED)))) ORDER BY t.`updated_at`, t.`id` LIMIT 1000;

-- between two bookmarks
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', '2025-11-06 00:00:00', 'ä', '99'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` > CAST(? AS SIGNED)))) AND (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` <= CAST(? AS SIGNED)))) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- between prefixes, the first included
-- ? = '2025-11-05 10:00:00.000001', '2025-11-06 00:00:00'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (`updated_at` >= CAST(? AS DATETIME(6))) AND (`updated_at` < CAST(? AS DATETIME(6))) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- of nullable cursors, filtered
-- ? = '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', '2025-11-06 00:00:00', 'ä', '99'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` < CAST(? AS SIGNED)))) AND (`updated_at` IS NOT NULL) AND (`code` IS NOT NULL) AND (status <> 'draft') ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- a filter stays in its parentheses
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?))) AND (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` <= ?))) AND (status <> 'draft' OR status IS NULL) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- of a template
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT `id`, `updated_at`, `code` FROM (SELECT * FROM erp.v_orders) t WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?))) AND (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` <= ?))) ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT `id`, `updated_at`, `code` FROM (SELECT o.* FROM erp.orders o WHERE (((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?))) AND (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` <= ?)))) t ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;

-- all rows
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t ORDER BY t.`updated_at`, t.`code`, t.`id`;

-- of many columns
SELECT `id`, `updated_at`, `code`, CAST(`net` AS CHAR) AS `net`, CAST(`paid` AS CHAR) AS `paid`, `due`, `at` FROM `erp`.`orders` t ORDER BY t.`updated_at`, t.`code`, t.`id` LIMIT 1000;
