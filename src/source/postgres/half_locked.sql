-- Relations that this transaction has locked while it has not locked all that lies below them.
WITH RECURSIVE held(oid) AS (
    SELECT DISTINCT l.relation
    FROM pg_catalog.pg_locks l
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                        WHERE d.datname = pg_catalog.current_database())
), tree(root, oid) AS (
    SELECT h.oid, h.oid FROM held h
  UNION
    SELECT t.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
)
SELECT DISTINCT n.nspname, c.relname
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.root
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class below ON below.oid = t.oid
WHERE NOT EXISTS (SELECT FROM held h WHERE h.oid = t.oid)
  -- With rights to columns alone, what lies in a schema without USAGE cannot be named, and so not be locked.
  AND (pg_catalog.has_table_privilege(t.root, 'SELECT')
       OR pg_catalog.has_schema_privilege(below.relnamespace, 'USAGE'))
