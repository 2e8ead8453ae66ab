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
WHERE NOT EXISTS (SELECT FROM held h WHERE h.oid = t.oid)
