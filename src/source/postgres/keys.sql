-- Keys of relation c as a JSON array; a scalar subquery. With plain inheritance the children's rows are read
-- too, for which the parent's keys say nothing: they are not keys of all rows. A foreign key to a partitioned
-- table has a copy of itself for each partition, whose parent is a constraint of the same relation.
(SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
            'kind', k.contype,
            'name', k.conname,
            'of_all_rows', c.relkind = 'p'
                OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid),
            'columns', (SELECT pg_catalog.json_agg(a.attname ORDER BY u.place)
                        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, place)
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
            'schema', rn.nspname,
            'table', r.relname,
            'references', (SELECT pg_catalog.json_agg(a.attname ORDER BY u.place)
                           FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(attnum, place)
                           JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum)
        ) ORDER BY k.conname)
 FROM pg_catalog.pg_constraint k
 LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
 LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o
                   WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid))
