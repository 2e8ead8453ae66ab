-- Relations a user could mean, in catalog order. Temporary tables belong to one session each and
-- cannot be read from another, so they are left out.
SELECT n.nspname,
       c.relname,
       CASE c.relkind
         WHEN 'r' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'table' END
         WHEN 'p' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'partitioned' END
         WHEN 'v' THEN 'view'
         WHEN 'm' THEN 'materialized_view'
         WHEN 'f' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'foreign' END
       END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp_)'
ORDER BY n.nspname, c.relname
