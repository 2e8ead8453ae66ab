-- Relations a user could mean, in catalog order. Temporary tables belong to one session each and
-- cannot be read from another, so they are left out. Names come as the hexadecimal digits of their bytes: without an
-- encoding (SQL_ASCII) they need not be text.
SELECT pg_catalog.encode(pg_catalog.convert_to(n.nspname::pg_catalog.text, e.name), 'hex'),
       pg_catalog.encode(pg_catalog.convert_to(c.relname::pg_catalog.text, e.name), 'hex'),
       CASE c.relkind
         WHEN 'r' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'table' END
         WHEN 'p' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'partitioned' END
         WHEN 'v' THEN 'view'
         WHEN 'm' THEN 'materialized_view'
         WHEN 'f' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'foreign' END
       END,
       c.oid
FROM pg_catalog.pg_class c
CROSS JOIN (SELECT CASE pg_catalog.getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END) e(name)
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp_)'
ORDER BY n.nspname, c.relname
