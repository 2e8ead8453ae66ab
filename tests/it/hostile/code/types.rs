//! Types of a database user, and casts and operators that he lays around them.

use std::fmt::Write as _;

/// Types of a database user, each with a way to make it and some values.
pub(super) fn types() -> Vec<(String, String, Vec<&'static str>)> {
    let mut types = Vec::new();
    let mut add = |name: &str, sql: &str, values: &[&'static str]| {
        types.push((name.to_owned(), sql.replace("{}", &format!("m.{name}")), values.to_vec()));
    };
    for (subtype, values) in [
        ("int4", ["[1,5)", "empty", "(,7)"]),
        ("int8", ["[1,5)", "[-9000000000,)", "(,)"]),
        ("numeric", ["[1.50,2.5]", "empty", "(,)"]),
        ("text", ["[a,\"b c\")", "[\"\\\"\",)", "empty"]),
        ("date", ["[2024-01-01,2024-02-01)", "empty", "(,)"]),
        ("timestamp", ["[\"2024-01-01 00:00:00\",)", "empty", "(,)"]),
        ("timestamptz", ["[\"2024-01-01 00:00:00+00\",)", "empty", "(,)"]),
        ("float8", ["[0.1,0.30000000000000004)", "empty", "(,)"]),
        ("inet", ["[10.0.0.1,10.0.0.9]", "empty", "(,)"]),
        ("uuid", ["[00000000-0000-0000-0000-000000000001,)", "empty", "(,)"]),
    ] {
        add(&format!("r_{subtype}"), &format!("CREATE TYPE {{}} AS RANGE (subtype = {subtype})"), &values);
    }
    for (name, labels, values) in [
        ("e_mood", "'sad', 'ok', 'happy'", ["sad", "ok", "happy"]),
        ("e_odd", "'a b', 'c\"d', 'é'", ["a b", "c\"d", "é"]),
        ("e_words", "'null', '', 'a,b'", ["null", "", "a,b"]),
    ] {
        add(name, &format!("CREATE TYPE {{}} AS ENUM ({labels})"), &values);
    }
    for (name, fields, values) in [
        ("c_plain", "a int, b text", ["(1,x)", "(,)", "(2,\"y z\")"]),
        ("c_cast", "a int, b inet", ["(1,10.0.0.1)", "(,)", "(2,\"10.0.0.0/8\")"]),
        ("c_range", "a m.r_int4, b text", ["(\"[1,5)\",x)", "(,)", "(empty,)"]),
        ("c_enum", "a m.e_mood, b int[]", ["(sad,\"{1,2}\")", "(,)", "(ok,{})"]),
        ("c_nested", "a m.c_plain, b m.c_range", ["(\"(1,x)\",\"(empty,)\")", "(,)", "(\"(,)\",)"]),
        (
            "c_arrays",
            "a m.r_int4[], b m.e_mood[]",
            ["(\"{\"\"[1,5)\"\"}\",\"{sad,NULL}\")", "(,)", "({},{})"],
        ),
    ] {
        add(name, &format!("CREATE TYPE {{}} AS ({fields})"), &values);
    }
    for (base, values) in [
        ("int4", ["1", "-2", "2147483647"]),
        ("int8", ["1", "-2", "9223372036854775807"]),
        ("text", ["x", "", "null"]),
        ("varchar(9)", ["x", "y  ", "null"]),
        ("char(5)", ["x    ", "yy   ", "abcde"]),
        ("bool", ["t", "f", "t"]),
        ("numeric(8,2)", ["1.50", "-2.00", "123456.78"]),
        ("numeric", ["1.50", "-2", "0.000001"]),
        ("float8", ["0.1", "-2", "1e+300"]),
        ("date", ["2024-02-29", "0001-01-01", "9999-12-31"]),
        (
            "timestamptz",
            ["2024-02-29 01:02:03+00", "2000-01-01 00:00:00+00", "1999-12-31 23:59:59.999999+00"],
        ),
        ("uuid", ["00000000-0000-0000-0000-000000000001"; 3]),
        ("jsonb", ["{\"a\": 1}", "[]", "null"]),
        ("inet", ["10.0.0.1", "10.0.0.0/8", "::1"]),
        ("bit(3)", ["101", "000", "111"]),
        ("macaddr", ["08:00:2b:01:02:03", "08:00:2b:01:02:04", "ff:ff:ff:ff:ff:ff"]),
        ("m.r_int4", ["[1,5)", "empty", "(,7)"]),
        ("m.e_mood", ["sad", "ok", "happy"]),
        ("m.c_plain", ["(1,x)", "(,)", "(2,\"y z\")"]),
        ("text[]", ["{a,b}", "{}", "{NULL,\"NULL\"}"]),
        ("m.r_int4[]", ["{\"[1,5)\",NULL}", "{}", "{empty}"]),
    ] {
        let name = format!("d_{}", base.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        add(&name, &format!("CREATE DOMAIN {{}} AS {base} CHECK (m.checked(VALUE::text))"), &values);
    }
    types
}

/// Casts of a type and of its arrays to whatever a statement might want, and operators, all with a witness.
pub(super) fn snares(name: &str, is_domain: bool) -> String {
    let mut sql = String::new();
    let mut function = |arguments: &str, returns: &str, value: &str| {
        let made = format!("m.f_{name}_{}", sql.len());
        let _ = writeln!(
            sql,
            "CREATE FUNCTION {made}({arguments}) RETURNS {returns} LANGUAGE plpgsql IMMUTABLE AS
             $$ BEGIN PERFORM m.ran('{name}: {arguments} to {returns}'); RETURN {value}; END $$;"
        );
        made
    };
    let mut casts = Vec::new();
    let of = format!("m.{name}");
    for (from, implicit) in [(of.clone(), !is_domain), (format!("{of}[]"), true)] {
        for (to, value) in [
            ("text", "'evil'"),
            ("varchar", "'evil'"),
            ("int8", "666"),
            ("float8", "666"),
            ("numeric", "666"),
            ("bytea", "'evil'"),
            ("text[]", "'{evil}'"),
            ("inet[]", "'{6.6.6.6}'"),
            ("int4[]", "'{666}'"),
            ("float8[]", "'{666}'"),
        ] {
            let made = function(&from, to, value);
            let context = if implicit { "AS IMPLICIT" } else { "" };
            casts.push(format!("CREATE CAST ({from} AS {to}) WITH FUNCTION {made} {context};"));
        }
    }
    for (operator, left, right) in [
        ("=", of.as_str(), of.as_str()),
        ("<", &of, &of),
        (">=", &of, &of),
        ("=", &of, "text"),
        ("<", &of, "text"),
        (">=", &of, "text"),
        ("<>", &of, "text"),
    ] {
        let made = function(&format!("{left}, {right}"), "bool", "true");
        casts.push(format!(
            "CREATE OPERATOR m.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {made});"
        ));
    }
    let made = function(&format!("{of}, text"), "text", "'evil'");
    casts.push(format!("CREATE OPERATOR m.|| (LEFTARG = {of}, RIGHTARG = text, FUNCTION = {made});"));
    sql + &casts.join("\n")
}
