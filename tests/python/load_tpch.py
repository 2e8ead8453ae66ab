"""Loads the TPC-H tables into a PostgreSQL database: tpchgen-cli streams CSV into psql, no files between."""

import argparse
import os
import subprocess
import sys

import database

TABLES = {
    "region": ("r_regionkey integer NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152)", "r_regionkey"),
    "nation": (
        "n_nationkey integer NOT NULL, n_name char(25) NOT NULL, n_regionkey integer NOT NULL,"
        " n_comment varchar(152)",
        "n_nationkey",
    ),
    "supplier": (
        "s_suppkey integer NOT NULL, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL,"
        " s_nationkey integer NOT NULL, s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL,"
        " s_comment varchar(101) NOT NULL",
        "s_suppkey",
    ),
    "customer": (
        "c_custkey integer NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,"
        " c_nationkey integer NOT NULL, c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL,"
        " c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL",
        "c_custkey",
    ),
    "part": (
        "p_partkey integer NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL,"
        " p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL, p_size integer NOT NULL,"
        " p_container char(10) NOT NULL, p_retailprice numeric(15,2) NOT NULL,"
        " p_comment varchar(23) NOT NULL",
        "p_partkey",
    ),
    "partsupp": (
        "ps_partkey integer NOT NULL, ps_suppkey integer NOT NULL, ps_availqty integer NOT NULL,"
        " ps_supplycost numeric(15,2) NOT NULL, ps_comment varchar(199) NOT NULL",
        "ps_partkey, ps_suppkey",
    ),
    "orders": (
        "o_orderkey bigint NOT NULL, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL,"
        " o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL,"
        " o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL,"
        " o_comment varchar(79) NOT NULL",
        "o_orderkey",
    ),
    "lineitem": (
        "l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL,"
        " l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL,"
        " l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,"
        " l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL,"
        " l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,"
        " l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL",
        "l_orderkey, l_linenumber",
    ),
}


def load(url, table, scale):
    """Creates and fills one table, replacing it."""
    definition, key = TABLES[table]
    generator = os.path.join(os.path.dirname(sys.executable), "tpchgen-cli")
    rows = subprocess.Popen([generator, "csv", "-s", str(scale), "--stdout", "-T", table], stdout=subprocess.PIPE)
    # Created and filled in one transaction: the rows are written frozen and, with wal_level minimal, unlogged.
    database.psql(
        url,
        "-c", f"DROP TABLE IF EXISTS public.{table}",
        "-c", "BEGIN",
        "-c", f"CREATE TABLE public.{table} ({definition})",
        "-c", f"\\copy public.{table} FROM pstdin WITH (FORMAT csv, HEADER, FREEZE)",
        "-c", "COMMIT",
        "-c", f"ALTER TABLE public.{table} ADD PRIMARY KEY ({key})",
        "-c", f"ANALYZE public.{table}",
        stdin=rows.stdout,
    )  # fmt: skip
    if rows.wait() != 0:
        sys.exit(f"tpchgen-cli failed for {table}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="PostgreSQL URL")
    parser.add_argument("--scale", default="0.01", help="scale factor: 1 is 6 million rows of lineitem")
    parser.add_argument("--tables", default=",".join(TABLES), help="which tables, separated by commas")
    options = parser.parse_args()
    for table in options.tables.split(","):
        load(options.url, table, options.scale)


if __name__ == "__main__":
    main()
