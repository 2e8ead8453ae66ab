//! Rules about the files of single tables and columns: `--bloom-filter`, `--column-compression`, `--parquet-metadata`.

use super::Problems;
use crate::cli::args::{CompressionArg, ParquetArgs};
use crate::cli::values::{parse_compression, parse_rule};
use crate::error::{Code, Error, Result};
use crate::spec::{BloomColumns, BloomRule, CodecRule, Compression, Encodings, FilesSpec};

/// Keys of a file's metadata that this program, or a convention that it follows, gives a meaning, and beginnings of such.
const TAKEN_KEYS: &[&str] = &["ARROW:schema", "geo", "pandas"];
const TAKEN_BEGINNINGS: &[&str] = &["lakexpress:", "org.apache.spark."];

/// What the flags of `args` ask for, of files with these encodings.
pub(super) fn files(args: &ParquetArgs, encodings: Encodings, problems: &mut Problems) -> FilesSpec {
    let blooms = args.bloom_filter.iter().filter_map(|text| problems.keep(bloom_rule(text))).collect();
    let codecs = args.column_compression.iter();
    let codecs: Vec<_> = codecs.filter_map(|text| problems.keep(codec_rules(text, encodings))).collect();
    let mut metadata: Vec<(String, String)> = Vec::new();
    for text in &args.parquet_metadata {
        let Some((key, value)) = problems.keep(key_value(text)) else { continue };
        match metadata.iter().find(|(other, _)| *other == key) {
            None => metadata.push((key, value)),
            Some((_, other)) if *other == value => {}
            Some(_) => problems.add(
                Error::usage(format!("two --parquet-metadata give the key '{key}' a value"))
                    .coded(Code::FlagConflict)
                    .hint("leave one of them out"),
            ),
        }
    }
    FilesSpec {
        page_index: args.page_index,
        bloom_filters: blooms,
        column_codecs: codecs.into_iter().flatten().collect(),
        metadata,
    }
}

/// `orders: id, "a, b"` or `orders: auto`.
fn bloom_rule(text: &str) -> Result<BloomRule> {
    const FLAG: &str = "--bloom-filter";
    let rule = parse_rule(FLAG, text)?;
    let columns = if rule.sql.eq_ignore_ascii_case("auto") {
        BloomColumns::Auto
    } else {
        let names = items(&rule.sql).into_iter().map(|item| name(FLAG, text, item));
        BloomColumns::Named(names.collect::<Result<_>>()?)
    };
    Ok(BloomRule { pattern: rule.pattern, columns })
}

/// `orders: note=zstd(9), "a, b"=none`.
fn codec_rules(text: &str, encodings: Encodings) -> Result<Vec<CodecRule>> {
    const FLAG: &str = "--column-compression";
    let rule = parse_rule(FLAG, text)?;
    let one = |item: &str| {
        let Some((column, codec)) = item.rsplit_once('=') else {
            return Err(wrong(FLAG, text, "no '=' between a column and its codec"));
        };
        let compression =
            match parse_compression(codec).map_err(|error| wrong(FLAG, text, error.message()))? {
                CompressionArg::Zstd => Compression::suited(encodings),
                CompressionArg::Of(codec) => codec,
            };
        Ok(CodecRule { pattern: rule.pattern.clone(), column: name(FLAG, text, column)?, compression })
    };
    items(&rule.sql).into_iter().map(one).collect()
}

fn key_value(text: &str) -> Result<(String, String)> {
    const FLAG: &str = "--parquet-metadata";
    if has_password(text) {
        return Err(Error::usage(format!("{FLAG} has a password in it"))
            .coded(Code::FlagValue)
            .hint("everybody who can read a file can read its metadata: leave it out"));
    }
    let (key, value) = text.split_once('=').ok_or_else(|| wrong(FLAG, text, "no '=' after the key"))?;
    let key = key.trim();
    if key.is_empty() {
        return Err(wrong(FLAG, text, "no key before the '='"));
    }
    let taken =
        TAKEN_KEYS.contains(&key) || TAKEN_BEGINNINGS.iter().any(|beginning| key.starts_with(beginning));
    if taken {
        return Err(Error::usage(format!("the key '{key}' of {FLAG} has a meaning to readers"))
            .coded(Code::FlagValue)
            .hint(format!(
                "choose another key; taken are {} and those that begin with {}",
                TAKEN_KEYS.join(", "),
                TAKEN_BEGINNINGS.join(" or ")
            )));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Whether `text` is a URL or a connection string with a password.
fn has_password(text: &str) -> bool {
    const NAMES: [&str; 6] =
        ["password=", "passwd=", "pwd=", "accountkey=", "sharedaccesskey=", "sharedaccesssignature="];
    let lower = text.to_ascii_lowercase();
    let of_user = |(_, rest): (&str, &str)| rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    NAMES.iter().any(|name| lower.contains(name)) || lower.split_once("://").is_some_and(of_user)
}

fn wrong(flag: &'static str, text: &str, what: &str) -> Error {
    let example = match flag {
        "--bloom-filter" => "'schema.table: a, b' or 'schema.table: auto'",
        "--column-compression" => "'schema.table: a=zstd(9), b=none'",
        _ => "'team=sales'",
    };
    Error::usage(format!("{what} in {flag} '{text}'"))
        .coded(Code::FlagValue)
        .hint(format!("write {flag} {example}"))
}

/// What stands between commas that are neither in quotes nor in parentheses.
fn items(text: &str) -> Vec<&str> {
    let (mut items, mut from, mut quoted, mut depth) = (Vec::new(), 0, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth <= 0 => {
                items.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items.push(&text[from..]);
    items
}

/// The name of a column: as it is, or in double quotes, which are doubled within.
fn name(flag: &'static str, text: &str, item: &str) -> Result<String> {
    let item = item.trim();
    let name = match item.strip_prefix('"') {
        None => item.to_owned(),
        Some(rest) => match rest.strip_suffix('"') {
            Some(inner) if !inner.replace("\"\"", "").contains('"') => inner.replace("\"\"", "\""),
            _ => return Err(wrong(flag, text, "a quote is not closed")),
        },
    };
    if name.is_empty() { Err(wrong(flag, text, "a column has no name")) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_listed_with_and_without_quotes() {
        let named = |text: &str| bloom_rule(text).expect(text);
        let columns = |names: &[&str]| BloomColumns::Named(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(named("s.t: id ,note").columns, columns(&["id", "note"]));
        assert_eq!(named("s.t: id").pattern, "s.t");
        assert_eq!(named(r#"t: "a, b", "say ""so""", ü"#).columns, columns(&["a, b", "say \"so\"", "ü"]));
        assert_eq!(named("t: Auto").columns, BloomColumns::Auto);
        assert_eq!(named(r#"t: "auto""#).columns, columns(&["auto"]));
        for text in ["t", "t:", "t: a,", "t: ,", ": a", r#"t: "a"#, r#"t: "a" b"#] {
            let error = bloom_rule(text).expect_err(text);
            assert_eq!(error.code(), Code::FlagValue, "{error}");
            assert!(error.to_string().contains("--bloom-filter"), "{error}");
        }
    }

    #[test]
    fn codecs_follow_an_equals_sign() {
        let found = codec_rules(r#"t: note=zstd( 9 ), "a=b"=none, c=ZSTD, d=gzip"#, Encodings::Plain)
            .expect("codecs");
        let found: Vec<(&str, Compression)> =
            found.iter().map(|rule| (rule.column.as_str(), rule.compression)).collect();
        let expected = [
            ("note", Compression::Zstd(9)),
            ("a=b", Compression::None),
            ("c", Compression::Zstd(3)),
            ("d", Compression::Gzip(6)),
        ];
        assert_eq!(found, expected);
        for (text, what) in [
            ("t: a", "no '='"),
            ("t: a=zip", "unknown codec"),
            ("t: a=zstd(23)", "level 23"),
            ("t: =none", "no name"),
            ("t: a=none,", "no '='"),
        ] {
            let error = codec_rules(text, Encodings::Plain).expect_err(text).to_string();
            assert!(error.contains(what) && error.contains("--column-compression"), "{error}");
        }
    }

    #[test]
    fn keys_that_have_a_meaning_are_refused() {
        assert_eq!(key_value("team = a=b").expect("pair"), ("team".into(), " a=b".into()));
        for text in [
            "team",
            "=x",
            "geo=1",
            "pandas=",
            "ARROW:schema=x",
            "lakexpress:x=1",
            "org.apache.spark.version=4",
        ] {
            assert_eq!(key_value(text).expect_err(text).code(), Code::FlagValue, "{text}");
        }
    }
}
