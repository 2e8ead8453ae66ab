-- What the customers of each nation paid, the best first.
SELECT n_name                                   AS nation,
       count(DISTINCT o_orderkey)               AS orders,
       sum(l_extendedprice * (1 - l_discount))  AS revenue
FROM customer
JOIN orders   ON o_custkey = c_custkey
JOIN lineitem ON l_orderkey = o_orderkey
JOIN nation   ON n_nationkey = c_nationkey
GROUP BY n_name
ORDER BY revenue DESC, nation
