-- The attributes of all composite types that a table's columns hold, through domains, arrays and each other.
WITH RECURSIVE held(typid) AS (
    SELECT a.atttypid
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = {name} AND a.attnum > 0 AND NOT a.attisdropped
  UNION
    SELECT b.typid
    FROM held h
    JOIN pg_catalog.pg_type t ON t.oid = h.typid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
      UNION ALL
        SELECT t.typelem WHERE t.typcategory = 'A'
      UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) b(typid)
)
SELECT pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.atttypid, a.atttypmod, a.attisdropped, a.attname)
FROM held h
JOIN pg_catalog.pg_type t ON t.oid = h.typid AND t.typtype = 'c'
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
ORDER BY 1
