//! Text of single flags to values. Errors are one line; clap puts the flag's name before it.

use super::args::CompressionArg;
use crate::destination::schemes;
use crate::error::{Code, Error, Result};
use crate::readers::Readers;
use crate::spec::{Compression, CuttingSpec, Mask, MaskRule, Misread, NumericPolicy, TableRule, misread};

/// A number of at least 1.
pub(super) fn parse_count(text: &str) -> Result<usize> {
    text.trim()
        .parse::<usize>()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| Error::usage("write a whole number of at least 1").coded(Code::FlagValue))
}

/// `10%`, `10`, `0.5%`: above 0 and at most 100.
pub(super) fn parse_percent(text: &str) -> Result<f64> {
    let number = text.trim().trim_end_matches('%').trim_end().parse::<f64>();
    number.ok().filter(|percent| *percent > 0.0 && *percent <= 100.0).ok_or_else(|| {
        Error::usage("write a percentage above 0% and up to 100%, for example 10%").coded(Code::FlagValue)
    })
}

/// `zstd(3)`, `Snappy`, `none`.
pub(super) fn parse_compression(text: &str) -> Result<CompressionArg> {
    let known = "codecs: zstd, zstd(3), snappy, gzip, gzip(6), lz4, brotli, brotli(1), none";
    let wrong = |what: &str| Error::usage(format!("{what}; {known}")).coded(Code::FlagValue);
    let lower = text.trim().to_ascii_lowercase();
    let (name, level) = match lower.split_once('(') {
        None => (lower.as_str(), None),
        Some((name, rest)) => {
            let digits =
                rest.strip_suffix(')').ok_or_else(|| wrong("the level's closing parenthesis is missing"))?;
            let level = digits.trim().parse::<u32>().map_err(|_| wrong("the level is not a number"))?;
            (name.trim(), Some(level))
        }
    };
    let within = |default: u32, least: u32, most: u32| match level.unwrap_or(default) {
        level if (least..=most).contains(&level) => Ok(level),
        level => Err(wrong(&format!("level {level} is not between {least} and {most}"))),
    };
    let plain = |codec: Compression| match level {
        None => Ok(codec),
        Some(_) => Err(wrong(&format!("{name} has no levels"))),
    };
    let codec = match name {
        "zstd" if level.is_none() => return Ok(CompressionArg::Zstd),
        "zstd" => within(1, 1, 22).map(|level| Compression::Zstd(level.cast_signed())),
        "gzip" => within(6, 0, 9).map(Compression::Gzip),
        "brotli" => within(1, 0, 11).map(Compression::Brotli),
        "snappy" => plain(Compression::Snappy),
        "lz4" => plain(Compression::Lz4),
        "none" => plain(Compression::None),
        _ => Err(wrong("unknown codec")),
    };
    codec.map(CompressionArg::Of)
}

/// `any`, `modern`, `spark,duckdb`.
pub(super) fn parse_readers(text: &str) -> Result<Readers> {
    text.parse()
}

/// `text`, `measure`, `double`, `decimal:38,10`.
pub(super) fn parse_numeric(text: &str) -> Result<NumericPolicy> {
    let wrong = |what: &str| {
        Error::usage(format!("{what}; write text, measure, double or decimal:38,10")).coded(Code::FlagValue)
    };
    let lower = text.trim().to_ascii_lowercase();
    match lower.as_str() {
        "text" => return Ok(NumericPolicy::Text),
        "double" => return Ok(NumericPolicy::Double),
        "measure" => return Ok(NumericPolicy::Measure),
        _ => {}
    }
    let inner = lower
        .strip_prefix("decimal:")
        .or_else(|| lower.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')))
        .ok_or_else(|| wrong("unknown type"))?;
    let (precision, scale) = inner.split_once(',').ok_or_else(|| wrong("precision and scale are needed"))?;
    let precision = precision.trim().parse::<u8>().ok().filter(|digits| (1..=76).contains(digits));
    let precision = precision.ok_or_else(|| wrong("the precision is not between 1 and 76"))?;
    let scale =
        scale.trim().parse::<i8>().ok().filter(|digits| (0..=precision.cast_signed()).contains(digits));
    let scale = scale.ok_or_else(|| wrong("the scale is not between 0 and the precision"))?;
    Ok(NumericPolicy::Decimal(precision, scale))
}

/// `schema.table: SQL`. The pattern ends at the first colon, so that `::` in the SQL survives.
pub(super) fn parse_rule(flag: &'static str, text: &str) -> Result<TableRule> {
    let (pattern, sql) = split_rule(flag, text)?;
    Ok(TableRule { pattern: pattern.to_owned(), sql: sql.to_owned() })
}

/// `schema.table: columns`, or columns of all tables.
pub(super) fn parse_sort(text: &str) -> Result<TableRule> {
    match text.contains(':') {
        true => parse_rule("--sort-by", text),
        false => parse_rule("--sort-by", &format!("%: {text}")),
    }
}

/// `table.column: mask`; a column of all tables without a table.
pub(super) fn parse_mask(text: &str) -> Result<MaskRule> {
    let (place, mask) = split_rule("--mask", text)?;
    let (table, column) = place.rsplit_once('.').unwrap_or(("%", place));
    if table.trim().is_empty() || column.trim().is_empty() {
        return Err(Error::usage(format!("no table or no column in --mask '{text}'"))
            .coded(Code::FlagValue)
            .hint("write --mask 'table.column: hmac'"));
    }
    let mask = mask.parse::<Mask>().map_err(|error| error.with("flag", "--mask"))?;
    Ok(MaskRule { table: table.trim().to_owned(), column: column.trim().to_owned(), mask })
}

/// `table.column: text` to (table pattern, column).
pub(super) fn parse_cast(text: &str) -> Result<(String, String)> {
    let (place, kind) = split_rule("--cast", text)?;
    let wrong = |what: &str| {
        Error::usage(format!("{what} in --cast '{text}'"))
            .coded(Code::FlagValue)
            .hint("write --cast 'table.column: text'")
    };
    if !kind.eq_ignore_ascii_case("text") {
        return Err(wrong("only text can be cast to").hint("the database's own text keeps every value"));
    }
    match place.rsplit_once('.') {
        Some((table, column)) if !table.trim().is_empty() && !column.trim().is_empty() => {
            Ok((table.trim().to_owned(), column.trim().to_owned()))
        }
        _ => Err(wrong("no table and column")),
    }
}

fn split_rule<'a>(flag: &'static str, text: &'a str) -> Result<(&'a str, &'a str)> {
    let wrong = |what: &str| {
        let example = match flag {
            "--where" => "'schema.table: o_total > 100'",
            "--columns" | "--sort-by" => "'schema.table: a, b'",
            "--partition-by" => "'schema.table: year(d) AS y, region'",
            "--bloom-filter" => "'schema.table: a, b' or 'schema.table: auto'",
            "--column-compression" => "'schema.table: a=zstd(9), b=none'",
            "--mask" => "'table.column: hmac'",
            _ => "'table.column: text'",
        };
        Error::usage(format!("{what} in {flag} '{text}'"))
            .coded(Code::FlagValue)
            .hint(format!("write {flag} {example}"))
    };
    let (pattern, rest) = text.split_once(':').ok_or_else(|| wrong("no colon after the table"))?;
    // `o_date::date > x` without a table: the colon found is half of a cast.
    if rest.starts_with(':') {
        return Err(wrong("no table before the SQL"));
    }
    let (pattern, rest) = (pattern.trim(), rest.trim());
    if pattern.is_empty() {
        return Err(wrong("no table before the colon"));
    }
    if rest.is_empty() {
        return Err(wrong("nothing after the colon"));
    }
    Ok((pattern, rest))
}

/// Comma-separated patterns of all occurrences; spaces around commas do not matter.
pub(super) fn split_patterns(occurrences: &[String]) -> Vec<String> {
    let patterns = occurrences.iter().flat_map(|text| text.split(','));
    patterns.map(str::trim).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect()
}

/// A relative path without `..` and empty components; one trailing slash is forgiven.
pub(super) fn parse_sub_path(text: &str) -> Result<String> {
    let wrong = |what: &str| {
        Error::usage(format!("{what} in --sub-path '{text}'"))
            .coded(Code::FlagValue)
            .hint("write a relative path such as staging/2026")
    };
    if let Some(Misread { what, remedy }) = misread(text, schemes()) {
        return Err(Error::usage(format!("--sub-path {what}")).coded(Code::FlagValue).hint(remedy));
    }
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.starts_with('/') {
        return Err(wrong("leading slash"));
    }
    for (i, component) in path.split('/').enumerate() {
        match component {
            "" => return Err(wrong("empty component")),
            "." | ".." => return Err(wrong("'.' or '..'")),
            crate::spec::layout::RUNS_DIR if i == 0 => return Err(wrong("reserved name '_lakexpress'")),
            other if other.contains('\\') || other.chars().any(char::is_control) => {
                return Err(wrong("backslash or control character"));
            }
            _ => {}
        }
    }
    Ok(path.to_owned())
}

/// More readers than this help nobody; `--max-connections` bounds what runs at once anyway.
const MOST_READERS: usize = 1024;

/// `-p`: none is one per core up to 4, 0 one per core, -k cores / k.
pub(super) fn readers(given: Option<i64>, cores: usize) -> usize {
    match given {
        None => CuttingSpec::readers_for(cores),
        Some(0) => cores.max(1),
        Some(negative) if negative < 0 => {
            let divisor = usize::try_from(negative.unsigned_abs()).unwrap_or(usize::MAX);
            (cores / divisor).max(1)
        }
        Some(positive) => usize::try_from(positive).unwrap_or(usize::MAX).min(MOST_READERS),
    }
}

/// The value of `--scale`: a number above 0, at most 100.
pub(super) fn parse_scale(text: &str) -> Result<f64> {
    match text.trim().parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale <= 100.0 => Ok(scale),
        _ => Err(Error::usage("write a number above 0 and not above 100").coded(Code::FlagValue)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_has_names_and_levels() {
        for (text, codec) in [
            ("zstd(3)", Compression::Zstd(3)),
            ("Snappy", Compression::Snappy),
            ("GZIP", Compression::Gzip(6)),
            ("gzip(9)", Compression::Gzip(9)),
            ("brotli( 4 )", Compression::Brotli(4)),
            ("lz4", Compression::Lz4),
            ("None", Compression::None),
        ] {
            assert_eq!(parse_compression(text).expect(text), CompressionArg::Of(codec), "{text}");
        }
        assert_eq!(parse_compression("Zstd").expect("zstd"), CompressionArg::Zstd);
        for text in
            ["", "zip", "zstd(0)", "zstd(23)", "zstd(x)", "zstd(3", "snappy(1)", "none(0)", "gzip(10)"]
        {
            assert!(parse_compression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numeric_policies_are_read() {
        assert_eq!(parse_numeric("Text").expect("text"), NumericPolicy::Text);
        for policy in [NumericPolicy::Double, NumericPolicy::Measure, NumericPolicy::Decimal(38, 10)] {
            assert_eq!(parse_numeric(&policy.to_string()).expect("as it is shown"), policy);
        }
        assert_eq!(parse_numeric("measure").expect("measure"), NumericPolicy::Measure);
        assert_eq!(parse_numeric("decimal:38,10").expect("decimal"), NumericPolicy::Decimal(38, 10));
        assert_eq!(parse_numeric("decimal(76, 0)").expect("decimal"), NumericPolicy::Decimal(76, 0));
        for text in ["decimal", "decimal:77,0", "decimal:0,0", "decimal:10,11", "decimal:10,-1", "float"] {
            assert!(parse_numeric(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rules_end_their_table_at_the_first_colon() {
        let rule = parse_rule("--where", "public.orders: o_date::date > '2024-01-01'").expect("rule");
        assert_eq!(
            (rule.pattern.as_str(), rule.sql.as_str()),
            ("public.orders", "o_date::date > '2024-01-01'")
        );
        assert_eq!(parse_rule("--where", "o%:a=1").expect("no space").sql, "a=1");
        for text in ["a > 1", "a::int > 1", ": a", "orders:", "orders: "] {
            let error = parse_rule("--where", text).expect_err(text);
            assert!(error.hints()[0].contains("schema.table"), "{error:?}");
        }
    }

    #[test]
    fn casts_name_table_and_column() {
        assert_eq!(parse_cast("public.t.c: TEXT").expect("cast"), ("public.t".into(), "c".into()));
        assert_eq!(parse_cast("t.c:text").expect("cast"), ("t".into(), "c".into()));
        for text in ["c: text", "t.c: int", "t.c", ".c: text", "t.: text"] {
            assert!(parse_cast(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sub_paths_stay_below_the_base() {
        assert_eq!(parse_sub_path("staging/2026/").expect("path"), "staging/2026");
        for text in ["", "/", "/a", "a//b", "../a", "a/..", "a/./b", "a\\b", "_lakexpress", "a//"] {
            assert!(parse_sub_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn readers_follow_the_cores() {
        let cases = [
            (None, 16, 4),
            (None, 2, 2),
            (Some(0), 16, 16),
            (Some(-4), 16, 4),
            (Some(-4), 2, 1),
            (Some(7), 2, 7),
        ];
        for (given, cores, expected) in cases {
            assert_eq!(readers(given, cores), expected, "{given:?} of {cores}");
        }
        assert_eq!(readers(Some(i64::MIN), 8), 1);
    }

    #[test]
    fn patterns_are_split_at_commas() {
        let given = ["a, b".to_owned(), "c,,".to_owned()];
        assert_eq!(split_patterns(&given), ["a", "b", "c"]);
    }
}
