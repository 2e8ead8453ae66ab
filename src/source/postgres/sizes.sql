-- One relation and everything below it (partitions, inheritance children) that stores rows.
-- {oid} is replaced by the relation's oid, {block} by the server's block size.
WITH RECURSIVE tree(oid) AS (
    SELECT {oid}::pg_catalog.oid
  UNION
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
)
SELECT c.relkind,
       coalesce(m.amname, ''),
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) / {block} ELSE 0 END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END,
       c.reltuples::pg_catalog.float8,
       c.relpages,
       c.oid,
       c.oid::pg_catalog.regclass::pg_catalog.text,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT c.relrowsecurity
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.oid
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
