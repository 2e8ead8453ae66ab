//! `lakexpress init`: a configuration file from a live source.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::keys::{Key, Keys, Kind};
use super::settings::shown;
use super::show::{assignment, quoted};
use crate::catalog::filter::pattern_matches;
use crate::catalog::{TableRef, Verdict};
use crate::cli::args::{InitArgs, Shown, ValueOrigin};
use crate::cli::output::{message, print};
use crate::cli::{named, resolve};
use crate::config::file::create;
use crate::error::{Error, Result};
use crate::plain;
use crate::plan::TablePlan;
use crate::report::text::{note, size, things};
use crate::run::{self, RunPlan};
use crate::spec::{CuttingSpec, Origin};

/// Columns of a table that are spoken of.
const COLUMNS: usize = 6;
/// Where the remarks behind sections begin at most.
const WIDEST: usize = 56;

/// Prints the file, or writes it. Code 1 when some tables could not be described.
pub(in crate::cli) async fn run(args: &InitArgs) -> Result<u8> {
    let resolved = resolve::init(args)?;
    let origin = named::origin(&args.described.auth, &args.described.source, &args.target)?;
    let plan = run::plan(&resolved.spec, &resolved.source, &[]).await?;
    let text = written(args, &origin, &plan);
    if let Some(path) = &args.write {
        create(path, &text, "--write")?;
        if !args.output.json && !args.output.quiet {
            let tables = things(plan.tables.len() as u64, "table");
            message(&format!("{} is written: {tables}", path.display()));
        }
    }
    if args.output.json {
        let body = json!({
            "file": args.write.as_ref().map(|path| path.to_string_lossy()),
            "config": text, "tables": plan.tables.len(), "failed": plan.failures.len(),
        });
        print(
            &serde_json::to_string_pretty(&body)
                .map_err(|error| Error::internal("the file cannot be written as JSON").caused_by(error))?,
        )?;
    } else if args.write.is_none() {
        print(&text)?;
    }
    Ok(u8::from(!plan.failures.is_empty()))
}

fn written(args: &InitArgs, origin: &Origin, plan: &RunPlan) -> String {
    let source = &plan.source;
    let server = if source.server.is_empty() { String::new() } else { format!(" at {}", source.server) };
    let of =
        plain::line(&format!("{} {}{server}, database {}", source.kind, source.version, source.database))
            .into_owned();
    let mut out = format!(
        "# lakexpress: {of}\n\
         # Made by `lakexpress init`. A flag or a LAKEXPRESS_ variable overrides this file; docs/configuration.md has the keys.\n\
         #   lakexpress config check -c FILE   finds mistakes\n\
         #   lakexpress plan -c FILE           shows what would be read and written\n\
         #   lakexpress export -c FILE\n"
    );
    let mut set = Vec::new();
    heading(&mut out, "From where");
    source_lines(&mut out, origin, &mut set);
    heading(&mut out, "To where");
    destination_lines(&mut out, args, origin, &mut set);
    heading(&mut out, "Which tables: LIKE patterns, as \"sales.%\"");
    let keys = Keys::new();
    for name in ["source-schema-name", "include", "exclude", "views"] {
        selection_line(&mut out, args, name, &keys, &mut set);
    }
    heading(&mut out, "Defaults: remove the # and change the value");
    defaults(&mut out, args, &keys, &set);
    tables(&mut out, plan, &keys);
    out
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n# {text}");
}

fn line(out: &mut String, set: &mut Vec<&'static str>, key: &'static str, value: &str) {
    let _ = writeln!(out, "{key} = {}", quoted(value));
    set.push(key);
}

fn source_lines(out: &mut String, origin: &Origin, set: &mut Vec<&'static str>) {
    if let Some(auth) = &origin.auth {
        line(out, set, "auth", auth);
    }
    if let Some(id) = &origin.source_db_auth_id {
        line(out, set, "source-db-auth-id", id);
    }
    if let Some(name) = &origin.source_db_name {
        line(out, set, "source-db-name", name);
    }
    if let Some(source) = &origin.source {
        line(out, set, "source", source);
        if origin.source_had_password {
            let _ = writeln!(
                out,
                "# The password is not written. LAKEXPRESS_SOURCE with the whole URL gives it, the variable or the password file of\n\
                 # the database's own programs, an entry of an auth file, or ${{NAME}} in the URL above."
            );
        }
    }
    set.extend(["auth", "source-db-auth-id", "source-db-name", "source"]);
}

fn destination_lines(out: &mut String, args: &InitArgs, origin: &Origin, set: &mut Vec<&'static str>) {
    let target = &args.target;
    match (&target.output_dir, &target.target_storage_id) {
        (Some(place), _) if place.contains("://") => {
            line(out, set, "output-dir", origin.output_dir.as_deref().unwrap_or(place));
        }
        (Some(place), _) => line(out, set, "output-dir", place),
        (None, Some(id)) => line(out, set, "target-storage-id", id),
        (None, None) => out.push_str("# output-dir = \"./lake\"\n"),
    }
    if let Some(path) = &target.sub_path {
        line(out, set, "sub-path", path);
    }
    set.extend(["output-dir", "target-storage-id", "sub-path"]);
}

/// The values of a key that were given.
fn given<'a>(args: &'a InitArgs, key: &str) -> Vec<&'a Shown> {
    let mine = args.settings.iter().filter(|setting| setting.key == key);
    mine.filter(|setting| setting.origin != ValueOrigin::Default).map(|setting| &setting.value).collect()
}

fn selection_line(
    out: &mut String,
    args: &InitArgs,
    name: &'static str,
    keys: &Keys,
    set: &mut Vec<&'static str>,
) {
    set.push(name);
    if name == "views" {
        let on = given(args, name).contains(&&Shown::Truth(true));
        let _ = writeln!(out, "{}views = true", if on { "" } else { "# " });
        return;
    }
    let values: Vec<String> = given(args, name).into_iter().map(text_of).collect();
    let hidden = values.is_empty() && keys.find(name).is_some_and(|key| key.name != "exclude");
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    let _ = writeln!(out, "{}{name} = [{}]", if hidden { "# " } else { "" }, values.join(", "));
}

fn text_of(value: &Shown) -> String {
    match value {
        Shown::Truth(truth) => truth.to_string(),
        Shown::Number(text) | Shown::Text(text) => text.clone(),
    }
}

/// Keys of an export that are not written yet: what was given as it is, the others as comments with their defaults.
fn defaults(out: &mut String, args: &InitArgs, keys: &Keys, set: &[&str]) {
    // They are about one run, or print something else.
    const LEFT_OUT: &[&str] =
        &["resume", "run-id", "init-db", "log-db-mode", "json", "quiet", "no-progress", "hide-values"];
    let mut lines: Vec<(String, String)> = Vec::new();
    let of_export = keys.iter().filter(|key| key.commands.contains(&"export"));
    for key in of_export.filter(|key| !set.contains(&key.name.as_str())) {
        let values = given(args, &key.name);
        let help = summary(key);
        if !values.is_empty() && !LEFT_OUT.contains(&key.name.as_str()) {
            lines.push((given_line(key, &values), help));
            continue;
        }
        let default = key.arg.get_default_values().first().and_then(|value| value.to_str());
        let Some(default) = default.filter(|_| key.kind != Kind::Switch) else { continue };
        if !LEFT_OUT.contains(&key.name.as_str()) {
            lines.push((format!("# {}", assignment(&key.name, &shown(Some(key), default))), help));
        }
    }
    let lengths = lines.iter().map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= WIDEST).max().unwrap_or(0);
    for (line, help) in lines {
        let _ = writeln!(out, "{line:width$}  # {help}");
    }
}

fn given_line(key: &Key, values: &[&Shown]) -> String {
    match values {
        [one] if key.kind != Kind::List => assignment(&key.name, one),
        values => {
            let texts: Vec<String> = values.iter().map(|value| quoted(&text_of(value))).collect();
            format!("{} = [{}]", key.name, texts.join(", "))
        }
    }
}

/// The help of a flag without its default, which stands before it.
fn summary(key: &Key) -> String {
    let help = key.arg.get_help().map(ToString::to_string).unwrap_or_default();
    let end = help.find(" Default:").unwrap_or(help.len());
    plain::line(&help[..end]).into_owned()
}

fn tables(out: &mut String, plan: &RunPlan, keys: &Keys) {
    let rows: u64 = plan.tables.iter().map(|table| table.info.est_rows).sum();
    heading(
        out,
        &format!(
            "{}, about {}. A section is for the tables that its pattern matches, and may be empty",
            things(plan.tables.len() as u64, "table"),
            things(rows, "row")
        ),
    );
    let of_sections: Vec<&str> = keys.of_sections().collect();
    let _ = writeln!(out, "# Keys of a section: {}.", of_sections.join(", "));
    let all: Vec<&TableRef> = plan.tables.iter().map(|table| &table.info.table).collect();
    let sections: BTreeMap<&TableRef, &TablePlan> =
        plan.tables.iter().map(|table| (&table.info.table, table)).collect();
    let heads: Vec<String> = sections.keys().map(|table| head(table, &all)).collect();
    let width =
        heads.iter().map(|head| head.chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    for (head, table) in heads.iter().zip(sections.values()) {
        let _ = writeln!(out, "{head:width$}  # {}", plain::line(&remark(table)));
        for line in decisions(table) {
            let _ = writeln!(out, "#   {}", plain::line(&line));
        }
    }
    for (table, error) in &plan.failures {
        let _ = writeln!(out, "# {}", plain::line(&format!("{table} cannot be exported: {error}")));
    }
}

/// The header of a table's section; a comment where the name cannot be a pattern.
fn head(table: &TableRef, all: &[&TableRef]) -> String {
    let full = table.full();
    let escaped = full.replace('\\', "\\\\").replace('%', "\\%");
    // An underscore stands for any character: nearly every name has one, and few mean another table too.
    let is_alone = all.iter().filter(|other| pattern_matches(&escaped, other)).count() <= 1;
    let pattern = if is_alone { escaped } else { escaped.replace('_', "\\_") };
    if pattern.contains(':') || pattern.trim() != pattern {
        return format!("# tables.{}: no pattern can be its name", quoted(&pattern));
    }
    format!("[tables.{}]", quoted(&pattern))
}

fn remark(table: &TablePlan) -> String {
    let info = &table.info;
    let key = match &info.primary_key {
        Some(key) => format!("key {}", key.columns.join(", ")),
        None => "no key".to_owned(),
    };
    format!("{}, {}, {key}", things(info.est_rows, "row"), size(info.est_bytes))
}

/// What somebody should look at.
fn decisions(table: &TablePlan) -> Vec<String> {
    let info = &table.info;
    let mut lines = Vec::new();
    let is_large = info.est_rows >= CuttingSpec::default().large_table_rows;
    if is_large && info.blocks.is_empty() && info.range_key.is_none() {
        lines.push("no key or place to cut it by: one reader, unless method and key are given".to_owned());
    }
    let keys = info.primary_key.iter().flat_map(|key| &key.columns);
    for column in keys.filter_map(|name| info.column(name)) {
        let kind = column.source_type.as_str();
        if ["real", "float", "double"].iter().any(|word| kind.to_lowercase().starts_with(word)) {
            let name = column.field.name();
            lines.push(format!(
                "{name}: a key of {kind} has no exact bounds; method decides how the table is cut"
            ));
        }
    }
    let noted = table.columns.iter().filter_map(|column| {
        let note = note(table, column);
        let of = column.source_type.as_deref().unwrap_or_default();
        match (column.verdict, note.as_str()) {
            (Some(Verdict::Exact | Verdict::Widened) | None, _) if column.form.is_none() => None,
            (_, "") => Some(format!("{} {of} travels as {}", column.name, column.arrow_type)),
            (_, note) => Some(format!("{} {of} travels as {}: {note}", column.name, column.arrow_type)),
        }
    });
    let noted: Vec<String> = noted.collect();
    let more = noted.len().saturating_sub(COLUMNS);
    lines.extend(noted.into_iter().take(COLUMNS));
    if more > 0 {
        lines.push(format!("and {more} more columns: lakexpress inspect"));
    }
    lines
}
