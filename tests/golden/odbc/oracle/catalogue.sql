-- columns
-- ? = 'erp', 'orders'
SELECT column_name, CASE WHEN data_type = 'NUMBER' AND data_scale IS NOT NULL THEN 'NUMBER(' || NVL(data_precision, 38) || ',' || data_scale || ')' WHEN data_type LIKE '%CHAR%' THEN data_type || '(' || char_length || ')' ELSE data_type END, CASE nullable WHEN 'N' THEN 'NO' ELSE 'YES' END, TO_CHAR(char_length), TO_CHAR(data_precision), TO_CHAR(data_scale), NULL FROM all_tab_columns WHERE owner = ? AND table_name = ? ORDER BY column_id;

-- primary key
-- ? = 'erp', 'orders'
SELECT k.column_name FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name WHERE c.owner = ? AND c.table_name = ? AND c.constraint_type = 'P' ORDER BY k.position;

-- indexes
-- ? = 'erp', 'orders'
SELECT i.index_name, k.column_name FROM all_indexes i JOIN all_ind_columns k ON k.index_owner = i.owner AND k.index_name = i.index_name WHERE i.table_owner = ? AND i.table_name = ? AND i.index_type = 'NORMAL' ORDER BY i.index_name, k.column_position;

-- estimate
-- ? = 'erp', 'orders'
SELECT TO_CHAR(num_rows), '1' FROM all_tables WHERE owner = ? AND table_name = ?;

-- columns of a table of the login's own schema
-- ? = 'orders'
SELECT column_name, CASE WHEN data_type = 'NUMBER' AND data_scale IS NOT NULL THEN 'NUMBER(' || NVL(data_precision, 38) || ',' || data_scale || ')' WHEN data_type LIKE '%CHAR%' THEN data_type || '(' || char_length || ')' ELSE data_type END, CASE nullable WHEN 'N' THEN 'NO' ELSE 'YES' END, TO_CHAR(char_length), TO_CHAR(data_precision), TO_CHAR(data_scale), NULL FROM all_tab_columns WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = ? ORDER BY column_id;
