-- columns
-- ? = 'orders'
SELECT name, CASE type WHEN '' THEN 'any' ELSE type END, CASE WHEN "notnull" OR pk THEN 'NO' ELSE 'YES' END, NULL, NULL, NULL, NULL FROM pragma_table_info(?) ORDER BY cid;

-- primary key
-- ? = 'orders'
SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk;

-- indexes
-- ? = 'orders', 'orders'
SELECT l.name, c.name FROM pragma_index_list(?) l, pragma_index_info(l.name) c WHERE NOT l.partial AND c.name IS NOT NULL UNION ALL SELECT 'primary', name FROM pragma_table_info(?) WHERE pk;

-- estimate
SELECT NULL, '0';

-- columns of a table of the login's own schema
-- ? = 'orders'
SELECT name, CASE type WHEN '' THEN 'any' ELSE type END, CASE WHEN "notnull" OR pk THEN 'NO' ELSE 'YES' END, NULL, NULL, NULL, NULL FROM pragma_table_info(?) ORDER BY cid;
