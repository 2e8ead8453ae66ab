//! Hostile values of every type: each is one row of its family's table, in the column of its type.

/// A column: its type, and its values as SQL expressions.
pub(super) type Column = (&'static str, &'static [&'static str]);

/// A table: its name and its columns, named `c0`, `c1` ...; the first column of the table is `id`.
pub(super) type Family = (&'static str, &'static [Column]);

/// The major version of PostgreSQL in which a type, or a statement, came to have a value.
pub(super) fn since(kind: &str, value: &str) -> u32 {
    if kind.contains("multirange") || kind == "spans" {
        14
    } else if kind.starts_with("xid8") || kind == "pg_snapshot" || kind == "regcollation" {
        13
    } else if matches!(kind, "numeric" | "numeric[]" | "deep") && value.contains("Infinity") {
        14
    } else if kind == "interval" && value.contains("infinity") {
        17
    } else if let Some((precision, scale)) =
        kind.strip_prefix("numeric(").and_then(|rest| rest.strip_suffix(')')?.split_once(','))
    {
        let (precision, scale): (i32, i32) = (precision.parse().unwrap(), scale.parse().unwrap());
        if scale < 0 || scale > precision { 15 } else { 0 }
    } else {
        0
    }
}

/// What the families need to exist.
pub(super) const PREPARE: &str = r#"
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE EXTENSION seg; CREATE EXTENSION isn; CREATE EXTENSION lo; CREATE EXTENSION intarray;
CREATE SCHEMA "odd schema";
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', '', 'back\slash', 'größer, als');
CREATE TYPE "odd schema"."Odd Type" AS ENUM ('A', 'a');
CREATE DOMAIN cents AS numeric(12,2) CHECK (VALUE >= 0);
CREATE DOMAIN tips AS cents;
CREATE DOMAIN label AS varchar(10);
CREATE DOMAIN scores AS integer[];
CREATE DOMAIN amounts AS numeric(5,1)[];
CREATE DOMAIN feeling AS mood;
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE exotic AS (n numeric, i inet, d date, e mood, c char(4), m money, x text[], "Q q" cents, u uuid, ok bool);
CREATE TYPE nested AS (p pair, tags text[], at timestamptz, v bytea);
CREATE DOMAIN checked_pair AS pair;
CREATE TYPE simple AS (a bigint, tags text[], p pair, at timestamptz);
CREATE TYPE deep AS (s simple, list simple[], e exotic, "p.q" checked_pair, r int4range);
CREATE TYPE changed AS (a integer, b text, c date); CREATE TYPE empty AS ();
CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE DOMAIN flag AS boolean; CREATE DOMAIN day AS date; CREATE DOMAIN moment AS timestamptz(3);
CREATE DOMAIN blob AS bytea; CREATE DOMAIN document AS jsonb; CREATE DOMAIN code AS char(4);
CREATE DOMAIN handle AS uuid; CREATE DOMAIN exact_number AS numeric; CREATE DOMAIN price AS money;
CREATE DOMAIN span AS int4range; CREATE DOMAIN wait AS interval;
CREATE DOMAIN spans AS int4multirange;
CREATE DOMAIN address AS inet; CREATE DOMAIN nothing AS day; CREATE DOMAIN grid AS integer[][];
"#;

const NUMBERS: &[Column] = &[
    ("smallint", &["-32768", "32767", "0", "-1"]),
    ("integer", &["-2147483648", "2147483647", "0", "-1"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807", "0", "-1", "9007199254740993"]),
    ("oid", &["0", "2147483648", "4294967295"]),
    ("xid", &["'0'", "'2147483648'", "'4294967295'"]),
    ("cid", &["'4294967295'"]),
    ("xid8", &["'0'", "'18446744073709551615'"]),
    ("boolean", &["true", "false"]),
];

const FLOATS: &[Column] = &[
    (
        "real",
        &[
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "'-0'",
            "0",
            "'1.4e-45'",
            "'-1.4e-45'",
            "'1.1754944e-38'",
            "'3.4028235e38'",
            "'-3.4028235e38'",
            "0.1",
            "16777217",
            "1.17549429e-38",
            "'1e-40'",
        ],
    ),
    (
        "double precision",
        &[
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "'-0'",
            "0",
            "'4.9e-324'",
            "'-4.9e-324'",
            "'2.2250738585072014e-308'",
            "'2.225073858507201e-308'",
            "'1.7976931348623157e308'",
            "'-1.7976931348623157e308'",
            "0.1",
            "0.30000000000000004",
            "9007199254740993",
            "'1e23'",
        ],
    ),
];

const NUMERICS: &[Column] = &[
    ("numeric(12,2)", &["0", "0.01", "-0.01", "9999999999.99", "-9999999999.99", "1.005", "1000000"]),
    ("numeric(18,0)", &["999999999999999999", "-999999999999999999", "10000", "0"]),
    ("numeric(19,4)", &["999999999999999.9999", "-0.0001", "1.1"]),
    (
        "numeric(38,0)",
        &["99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "1", "1e37"],
    ),
    ("numeric(38,38)", &["0.99999999999999999999999999999999999999", "-1e-38", "0"]),
    ("numeric(38,10)", &["9999999999999999999999999999.9999999999", "0.0000000001", "-12345.6789"]),
    ("numeric(39,1)", &["99999999999999999999999999999999999999.9", "-0.1"]),
    (
        "numeric(76,0)",
        &[
            "9999999999999999999999999999999999999999999999999999999999999999999999999999",
            "-9999999999999999999999999999999999999999999999999999999999999999999999999999",
            "0",
            "1e75",
            "170141183460469231731687303715884105728",
        ],
    ),
    ("numeric(76,76)", &["-1e-76", "1 - 1e-76", "0.5"]),
    ("numeric(100,50)", &["1e49 + 1e-50", "-1", "0"]),
    ("numeric(5,-3)", &["12345678", "-99999499", "0", "500", "499"]),
    ("numeric(2,5)", &["0.00099", "-0.00001", "0"]),
    (
        "numeric",
        &[
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "0",
            "0.000",
            "1.500",
            "-1e-1000",
            "1e1000",
            "123456789012345678901234567890.123456789012345678901234567890",
            "10::numeric ^ 130000",
        ],
    ),
    ("money", &["'92233720368547758.07'", "'-92233720368547758.08'", "0", "'-0.01'", "'1,234.56'"]),
    ("numeric(1,0)", &["9", "-9", "0.5"]),
    ("numeric(37,37)", &["0.9999999999999999999999999999999999999", "-1e-37"]),
    ("numeric(3,-35)", &["999::numeric * 10::numeric ^ 35", "-1e35", "0"]),
    ("numeric(3,-73)", &["999::numeric * 10::numeric ^ 73", "-1e73"]),
    ("numeric(3,-74)", &["999::numeric * 10::numeric ^ 74"]),
    ("numeric(3,70)", &["-999e-70", "1e-70"]),
    ("numeric(1000,1000)", &["1e-1000", "1 - 1e-1000"]),
    ("numeric(1000,0)", &["10::numeric ^ 999", "'NaN'"]),
    ("numeric(10,1000)", &["1e-1000"]),
];

const TEXTS: &[Column] = &[
    (
        "text",
        &[
            "''",
            "' '",
            "'NULL'",
            r"'\N'",
            r"E'\\N'",
            "E'tab\\tnewline\\nreturn\\rend'",
            "E'\\x01\\x02\\x1f\\x7f'",
            r"'back\slash\\twice'",
            "'it''s \"quoted\"'",
            "'größer ÄÖÜ ß'",
            "'日本語'",
            "'😀👨‍👩‍👧‍👦'",
            "U&'\\0085\\2028\\2029\\FEFF\\FFFD\\FFFF'",
            "U&'e\\0301'",
            "U&'\\+10FFFF'",
            "repeat('x', 1048576)",
            "repeat('😀', 300000)",
            "'{}'",
            "'(,)'",
            "',;|'",
            r"'\x41'",
            "repeat(E'\\n', 5)",
            "'trailing  '",
        ],
    ),
    ("varchar(5)", &["''", "'12345'", "'ä€😀  '", "'a    '"]),
    ("varchar", &["''", "repeat('é', 70000)"]),
    ("char(5)", &["''", "'a'", "'a  '", "'  a'", "'12345'", "'ä€😀'", "E'\\t '"]),
    ("char", &["'x'", "' '"]),
    ("\"char\"", &["'a'", "''", "' '", "'\\'", "'\"'"]),
    ("name", &["''", "'a name'", "repeat('n', 63)", "'größe'"]),
    ("citext", &["''", "'MiXeD'", "'it''s'"]),
    (
        "json",
        &[
            "'{}'",
            "'{\"a\": 1,  \"a\":2}'",
            "' [1, 2.00, \"\\u00e9\"] '",
            "'null'",
            "'\"\\ud83d\\ude00\"'",
            "'1e400'",
        ],
    ),
    (
        "jsonb",
        &[
            "'{}'",
            "'{\"b\": 1, \"a\": [1, null, true]}'",
            "'null'",
            "'1.00'",
            "'\"😀\"'",
            "'\"\"'",
            "'1e400'",
        ],
    ),
    ("xml", &["'<a b=\"c\">&lt;</a>'", "''", "'text only'", "'<?xml version=\"1.0\"?><a/>'"]),
    ("tsvector", &["''", "'a:1A fat:2 cat:3'", "'''it''''s'':1'"]),
    ("tsquery", &["''", "'fat & (rat | !cat)'", "'a <-> b'"]),
    ("tsvector", &["'a:1A,2B,16383C'", "to_tsvector('simple', repeat('word ', 300))", "'\u{a0}ü:1'"]),
    ("hstore", &["''", "'a=>1, b=>NULL'", "hstore('q\"', 'x,y')", "hstore('k', 'back\\slash')"]),
    ("ltree", &["''", "'Top.Science.Astronomy'"]),
];

const BYTES: &[Column] = &[
    (
        "bytea",
        &[
            "''",
            r"'\x00'",
            r"'\x00ff5c27'",
            "(SELECT decode(string_agg(lpad(to_hex(b), 2, '0'), '' ORDER BY b), 'hex') FROM generate_series(0, 255) b)",
            "decode(repeat('00ff41', 1747626), 'hex')",
            "'text'::bytea",
            "'\\\\134'::bytea",
        ],
    ),
    (
        "uuid",
        &[
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'12345678-9abc-def0-8123-456789ABCDEF'",
        ],
    ),
    ("bit(1)", &["B'0'", "B'1'"]),
    ("bit(10)", &["B'0000000001'", "B'1111111111'"]),
    ("bit varying", &["B''", "B'101'", "repeat('10', 500)::varbit"]),
];

const MOMENTS: &[Column] = &[
    (
        "date",
        &[
            "'1970-01-01'",
            "'1969-12-31'",
            "'4713-01-01 BC'",
            "'4714-11-24 BC'",
            "'0001-12-31 BC'",
            "'0001-01-01'",
            "'5874897-12-31'",
            "'2000-02-29'",
            "'1900-02-28'",
            "'2024-02-29'",
            "'1582-10-10'",
            "'9999-12-31'",
            "'10000-01-01'",
            "'0005-02-29 BC'",
            "'0004-02-28 BC'",
        ],
    ),
    (
        "timestamp",
        &[
            "'1970-01-01'",
            "'1969-12-31 23:59:59.999999'",
            "'4714-11-24 00:00:00 BC'",
            "'294247-01-10 04:00:54.775807'",
            "'0001-12-31 23:59:59.999999 BC'",
            "'2000-01-01'",
            "'9999-12-31 23:59:59.999999'",
            "'2016-12-31 23:59:60'",
            "'1582-10-10 12:00'",
            "'2024-03-31 02:30'",
        ],
    ),
    (
        "timestamptz",
        &[
            "'1970-01-01 00:00:00+00'",
            "'1969-12-31 23:59:59.999999+00'",
            "'4714-11-24 00:00:00+00 BC'",
            "'294247-01-10 04:00:54.775807+00'",
            "'0001-01-01 00:00:00+14'",
            "'2024-03-31 02:30:00 Europe/Berlin'",
            "'2024-10-27 02:30:00+01'",
            "'1883-11-18 12:03:58 America/New_York'",
            "'0044-03-15 12:00:00+00 BC'",
        ],
    ),
    ("timestamp(0)", &["'2024-01-01 00:00:00.5'", "'1969-12-31 23:59:59.4'"]),
    ("timestamptz(3)", &["'2024-01-01 00:00:00.1235+00'"]),
    ("time", &["'00:00'", "'23:59:59.999999'", "'12:34:56.000001'", "'04:05:06.789'"]),
    ("time(0)", &["'12:34:56.5'"]),
    ("timetz", &["'00:00:00+00'", "'23:59:59.999999-15:59'", "'24:00:00+15:59'", "'12:00:00+05:30'"]),
    (
        "interval",
        &[
            "'0'",
            "'1 year 2 mons 3 days 04:05:06.789'",
            "'-1 year +2 mons -3 days 04:05:06.000001'",
            "'178000000 years'",
            "'-178000000 years'",
            "'2147483647 days'",
            "'-00:00:00.000001'",
            "'1 mon -1 day'",
            "'infinity'",
            "'-infinity'",
        ],
    ),
    ("interval day to second(3)", &["'1 day 00:00:00.1235'"]),
];

const OTHERS: &[Column] = &[
    ("inet", &["'1.2.3.4'", "'1.2.3.4/24'", "'::1'", "'fe80::1/64'", "'0.0.0.0/0'", "'::ffff:1.2.3.4'"]),
    ("cidr", &["'10.0.0.0/8'", "'::/0'", "'1.2.3.4/32'"]),
    ("macaddr", &["'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"]),
    ("macaddr8", &["'08:00:2b:01:02:03:04:05'"]),
    ("point", &["'(1.5,-2)'", "'(NaN,Infinity)'", "'(1e-300,0.1)'"]),
    ("line", &["'{1,-1,0}'"]),
    ("lseg", &["'[(0,0),(1,1)]'"]),
    ("box", &["'((1,1),(0,0))'"]),
    ("path", &["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"]),
    ("polygon", &["'((0,0),(1,1),(2,0))'"]),
    ("circle", &["'<(0,0),1>'"]),
    ("int4range", &["'empty'", "'[1,10)'", "'(,)'", "'[5,5]'"]),
    ("int8range", &["'[-9223372036854775808,)'"]),
    ("numrange", &["'[1.10,2.20]'", "'(,0)'"]),
    ("daterange", &["'[2024-01-01,infinity)'", "'[4713-01-01 BC,2000-01-01)'"]),
    ("tsrange", &["'[2024-01-01 00:00:00.000001,)'"]),
    ("tstzrange", &["'[2024-01-01 00:00+05,2024-01-02 00:00-05]'"]),
    ("float_range", &["'[0.1,1e300)'"]),
    ("int4multirange", &["'{}'", "'{[1,3),[5,7)}'"]),
    ("datemultirange", &["'{[2024-01-01,2024-02-01)}'"]),
    ("regclass", &["'pg_class'", "0", "'pg_catalog.pg_type'", "'numbers'"]),
    ("regtype", &["'integer'", "'mood'", "'\"odd schema\".\"Odd Type\"'"]),
    ("regproc", &["'now'"]),
    ("regprocedure", &["'pg_catalog.abs(bigint)'", "0"]),
    ("regoper", &["'pg_catalog.||/'"]),
    ("regoperator", &["'pg_catalog.+(integer,integer)'"]),
    ("regrole", &["'postgres'"]),
    ("regnamespace", &["'\"odd schema\"'"]),
    ("regconfig", &["'simple'"]),
    ("regdictionary", &["'simple'"]),
    ("regcollation", &["'\"C\"'"]),
    ("pg_snapshot", &["'10:20:10,14,15'"]),
    ("refcursor", &["'a \"cursor\"'"]),
    ("lo", &["'4294967295'"]),
    ("cube", &["'(1,2),(3,4)'", "'()'", "'(0.1)'"]),
    ("seg", &["'1.50 .. 2'", "'<1'", "'5(+-)0.3'"]),
    ("isbn13", &["'978-0-393-04002-9'"]),
    ("ean13", &["'0220356483481'"]),
    ("query_int", &["'1&(2|!3)'"]),
    ("int8multirange", &["'{(,-9223372036854775808],[0,9223372036854775807)}'"]),
    ("nummultirange", &["'{[1.10,2.200),(3,)}'"]),
    ("tstzmultirange", &["'{[2024-01-01 00:00+05,infinity)}'"]),
    ("circle", &["'<(NaN,0),Infinity>'"]),
    ("line", &["'{0.1,-1e300,5e-324}'"]),
    ("pg_lsn", &["'0/0'", "'FFFFFFFF/FFFFFFFF'"]),
    ("tid", &["'(0,1)'"]),
    ("jsonpath", &["'$.a[*] ? (@ > 1)'"]),
    ("txid_snapshot", &["'10:20:10,14'"]),
    ("int2vector", &["'1 2 3'", "''"]),
    ("oidvector", &["'1 4294967295'"]),
    ("aclitem", &["'postgres=r/postgres'"]),
];

const USER_TYPES: &[Column] = &[
    ("mood", &["'sad'", "'it''s \"ok\"'", "''", "'back\\slash'", "'größer, als'"]),
    ("\"odd schema\".\"Odd Type\"", &["'A'", "'a'"]),
    ("cents", &["0", "0.01", "9999999999.99"]),
    ("tips", &["0.10"]),
    ("label", &["''", "'ä€😀'"]),
    ("flag", &["true", "false"]),
    ("day", &["'4713-01-01 BC'"]),
    ("nothing", &["'0001-01-01'"]),
    ("moment", &["'2024-01-01 00:00:00.1235+05'"]),
    ("blob", &["''", "'\\x00ff'"]),
    ("document", &["'{\"a\": 1.00}'"]),
    ("code", &["'a'", "''"]),
    ("handle", &["'12345678-9abc-def0-8123-456789abcdef'"]),
    ("exact_number", &["'NaN'", "1.500"]),
    ("price", &["'-0.01'"]),
    ("span", &["'[1,10)'", "'empty'"]),
    ("spans", &["'{[1,2),[3,4)}'"]),
    ("wait", &["'-1 mon 2 days'"]),
    ("address", &["'1.2.3.4/24'"]),
    ("grid", &["'{{1,NULL},{3,4}}'"]),
    ("scores", &["'{1,NULL,3}'", "'{}'"]),
    ("amounts", &["'{1.25,NULL,-9999.9}'"]),
    ("feeling", &["'sad'", "''"]),
    (
        "pair",
        &[
            "ROW(1, 'x')",
            "ROW(NULL, NULL)",
            "ROW(NULL, '')",
            "ROW(-1, 'a,b \"c\" (d) \\ e')",
            "ROW(0, E'line\\nbreak')",
        ],
    ),
    ("checked_pair", &["ROW(2, 'y')"]),
    (
        "exotic",
        &[
            "ROW('NaN', '1.2.3.4', '4713-01-01 BC', 'sad', 'a', '1.25', ARRAY['x', NULL, ''], 1.50, \
              '00000000-0000-0000-0000-00000000000f', true)",
            "ROW(1.500, NULL, '0001-01-01', '', '', NULL, '{}', 0, NULL, false)",
            "ROW(NULL, '::1', NULL, NULL, NULL, '-92233720368547758.08', NULL, NULL, NULL, NULL)",
        ],
    ),
    (
        "simple",
        &[
            "ROW(9223372036854775807, '{}', ROW(NULL, NULL), '4713-01-01 00:00+00 BC')",
            "ROW(0, NULL, NULL, NULL)",
        ],
    ),
    (
        "deep",
        &[
            "ROW(ROW(1, '{a,NULL}', ROW(2, ''), NULL), ARRAY[NULL, ROW(3, '{}', NULL, NULL)::simple], \
              ROW('Infinity', '::1/64', NULL, 'sad', ' a', 0, '{}', NULL, NULL, NULL), ROW(4, 'x'), '[1,5)')",
            "ROW(NULL, '{}', NULL, NULL, 'empty')",
            "ROW(ROW(NULL, NULL, NULL, NULL), NULL, ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), NULL, NULL)",
        ],
    ),
    ("empty", &["ROW()"]),
    ("changed", &["ROW(1, 'b', '2024-01-01')"]),
    (
        "nested",
        &["ROW(ROW(1, 'p'), ARRAY['t', 'u'], '2024-01-01 00:00+05', '\\x00ff')", "ROW(NULL, NULL, NULL, '')"],
    ),
];

const ARRAYS: &[Column] = &[
    ("smallint[]", &["'{}'", "'{-32768,NULL,32767}'", "'{NULL}'"]),
    ("integer[]", &["'{}'", "'{1,2,3}'", "'{NULL,NULL}'", "array_fill(7, ARRAY[100000])"]),
    ("bigint[]", &["'{9223372036854775807,-9223372036854775808}'"]),
    ("real[]", &["'{NaN,-0,1.4e-45,NULL}'"]),
    ("double precision[]", &["'{Infinity,-Infinity,0.1}'"]),
    ("boolean[]", &["'{t,f,NULL}'"]),
    ("numeric(10,3)[]", &["'{1.5,NULL,-9999999.999}'", "'{}'"]),
    ("numeric(50,3)[]", &["'{99999999999999999999999999999999999999999999999.999}'"]),
    ("numeric[]", &["'{1.50,NaN,NULL,1e100}'"]),
    ("money[]", &["'{1.25,-0.01,NULL}'"]),
    ("text[]", &["'{}'", "ARRAY['', NULL, 'NULL', 'a,b', '{}', '\"', '\\', ' ', E'\\n', '😀']"]),
    ("varchar(3)[]", &["'{abc,NULL}'"]),
    ("char(3)[]", &["'{a,\"  b\",NULL}'"]),
    ("name[]", &["'{a,b}'"]),
    ("bytea[]", &["ARRAY['\\x00ff'::bytea, '', NULL]"]),
    ("uuid[]", &["'{00000000-0000-0000-0000-000000000001,NULL}'"]),
    ("date[]", &["'{1970-01-01,\"4713-01-01 BC\",NULL}'"]),
    ("timestamp[]", &["'{\"2024-01-01 00:00:00.000001\",NULL}'"]),
    ("timestamptz[]", &["'{\"2024-01-01 00:00:00+05\",NULL}'"]),
    ("time[]", &["'{23:59:59.999999,NULL}'"]),
    ("timetz[]", &["'{12:00:00+05:30,NULL}'"]),
    ("interval[]", &["'{1 day,NULL}'"]),
    ("json[]", &["ARRAY['{\"a\":  1}'::json, 'null', NULL]"]),
    ("jsonb[]", &["ARRAY['{\"a\":  1}'::jsonb, 'null', NULL]"]),
    ("xml[]", &["ARRAY['<a/>'::xml, NULL]"]),
    ("inet[]", &["'{1.2.3.4,::1/64,NULL}'"]),
    ("macaddr[]", &["'{08:00:2b:01:02:03}'"]),
    ("bit(3)[]", &["'{101,NULL}'"]),
    ("oid[]", &["'{4294967295,NULL}'"]),
    ("regclass[]", &["'{pg_class,numbers}'"]),
    ("point[]", &["'{\"(1,2)\",NULL}'"]),
    ("box[]", &["'{(1,1),(0,0);(3,3),(2,2)}'"]),
    ("int4range[]", &["'{\"[1,3)\",empty,NULL}'"]),
    ("int4multirange[]", &["ARRAY['{[1,3),[5,7)}'::int4multirange]"]),
    ("tsvector[]", &["ARRAY['a:1 b:2'::tsvector]"]),
    ("mood[]", &["ARRAY['sad', '', 'back\\slash', NULL]::mood[]"]),
    ("\"odd schema\".\"Odd Type\"[]", &["'{A,a}'"]),
    ("cents[]", &["'{1.5,0,NULL}'"]),
    ("label[]", &["'{abc,\"\",NULL}'"]),
    ("feeling[]", &["'{sad,NULL}'"]),
    ("scores[]", &["'{\"{1,2}\",\"{}\",NULL}'"]),
    ("pair[]", &["ARRAY[ROW(1, 'x')::pair, NULL, ROW(NULL, 'a \"b\" \\')::pair]"]),
    (
        "simple[]",
        &[
            "ARRAY[ROW(1, ARRAY['a', NULL], ROW(2, '3')::pair, '2024-01-01')::simple, NULL, ROW(NULL, NULL, NULL, NULL)::simple]",
            "'{}'",
        ],
    ),
    ("simple[][]", &["ARRAY[[ROW(1, '{}', NULL, NULL)::simple], [NULL::simple]]"]),
    ("nested[]", &["ARRAY[ROW(ROW(1, 'p'), ARRAY['t'], NULL, '\\x00')::nested, NULL]"]),
    ("hstore[]", &["ARRAY['a=>1'::hstore, NULL]"]),
    ("citext[]", &["'{Ab,NULL}'"]),
    ("ltree[]", &["'{a.b,NULL}'"]),
    ("day[]", &["'{4713-01-01 BC,NULL}'"]),
    ("span[]", &["'{\"[1,3)\",NULL}'"]),
    ("cidr[]", &["'{10.0.0.0/8}'"]),
    ("tsrange[]", &["ARRAY['[2024-01-01,)'::tsrange]"]),
    ("bit varying[]", &["'{101,\"\",NULL}'"]),
    ("\"char\"[]", &["'{a,\"\"}'"]),
    ("xid8[]", &["'{18446744073709551615}'"]),
    ("cube[]", &["ARRAY['(1,2)'::cube]"]),
    ("double precision[][][][][][]", &["'{{{{{{0.1,NULL}}}}}}'"]),
    ("integer[][]", &["'{{1,2},{3,NULL}}'", "'{}'", "'{{1}}'"]),
    ("integer[3]", &["'{1,2,3,4}'"]),
    ("text[][][]", &["'{{{a,NULL},{\"\",b}},{{c,d},{e,f}}}'", "'{{{x}}}'"]),
    ("numeric(4,1)[][]", &["'{{1.5},{NULL}}'"]),
    ("mood[][]", &["ARRAY[['sad', ''], [NULL, 'sad']]::mood[]"]),
    ("inet[][]", &["'{{1.2.3.4},{NULL}}'"]),
    ("pair[][]", &["ARRAY[[ROW(1, 'x')::pair], [NULL::pair]]"]),
];

/// All of them.
pub(super) const FAMILIES: &[Family] = &[
    ("numbers", NUMBERS),
    ("floats", FLOATS),
    ("numerics", NUMERICS),
    ("texts", TEXTS),
    ("bytes", BYTES),
    ("moments", MOMENTS),
    ("others", OTHERS),
    ("user_types", USER_TYPES),
    ("arrays", ARRAYS),
];
