-- Those of some relations over which a plan simplifies any expression: `planned.sql` says of which functions. It takes
-- the server several times as long. {oids} and {statistics} are those of `planned.sql`.
WITH RECURSIVE tree(root, oid) AS (
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT t.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
)
SELECT DISTINCT t.root
FROM tree t
WHERE EXISTS (SELECT FROM pg_catalog.pg_index i
              WHERE i.indrelid = t.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
   OR EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = t.oid AND p.partexprs IS NOT NULL)
   OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c')
   OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = t.oid AND s.{statistics} IS NOT NULL)
