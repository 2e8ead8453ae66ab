//! Plans of tables, as `plan --json` printed them and as the run log keeps them.
//!
//! The files in `plans/` are of commit 46fe71e, which had facts of PostgreSQL as fields of every table.

use futures::StreamExt;
use lakexpress::catalog::{PrimaryKey, Slice, TableInfo};
use lakexpress::plan::TablePlan;
use lakexpress::sink::PreparedPart;
use lakexpress::source::{self, Address, Environment, TableRead};
use lakexpress::spec::{Method, TypePolicy};
use serde_json::Value;

fn plans(text: &str) -> Vec<TablePlan> {
    serde_json::from_str(text).unwrap()
}

fn postgres() -> Vec<TablePlan> {
    plans(include_str!("plans/postgres.json"))
}

fn info<'p>(plans: &'p [TablePlan], name: &str) -> &'p TableInfo {
    &plans.iter().find(|plan| plan.info.table.name == name).unwrap().info
}

fn key(columns: &[&str], of_all_rows: bool) -> Option<PrimaryKey> {
    Some(PrimaryKey { columns: columns.iter().map(ToString::to_string).collect(), of_all_rows })
}

#[test]
fn tables_of_postgres_keep_what_they_say() {
    let plans = postgres();
    assert_eq!(plans.len(), 6);
    assert!(plans.iter().all(|plan| plan.method_name() == plan.method.to_string()));

    // The children's rows are read too: the key names a row in messages, and promises nothing.
    let parent = info(&plans, "parent");
    assert_eq!(parent.primary_key, key(&["id"], false));
    assert_eq!(parent.key_columns().map(|column| column.name()).collect::<Vec<_>>(), ["id"]);
    assert!(parent.keys().is_empty());
    assert!(parent.compound);
    assert_eq!(parent.identity.as_deref(), Some("16413 16420"));
    assert_eq!((&parent.blocks[..], parent.range_key.as_deref()), (&[14, 17][..], Some("id")));
    assert_eq!(parent.leaves.iter().map(|leaf| leaf.blocks).collect::<Vec<_>>(), [Some(14), Some(17)]);

    let parted = info(&plans, "parted");
    assert_eq!((&parted.primary_key, parted.compound, parted.leaves.len()), (&None, true, 2));

    // The key's own order, and the table's.
    let two = info(&plans, "twokeys");
    assert_eq!(two.primary_key, key(&["k1", "k2"], true));
    assert_eq!(two.keys().primary, ["k1", "k2"]);
    assert_eq!(two.key_columns().map(|column| column.name()).collect::<Vec<_>>(), ["k2", "k1"]);
    assert_eq!((two.compound, two.identity.as_deref()), (false, Some("16406")));

    let orders = info(&plans, "orders");
    assert_eq!(
        (&orders.foreign_keys[0].columns[..], orders.keys().foreign.len()),
        (&["b", "a"].map(String::from)[..], 1)
    );

    let pii = info(&plans, "pii");
    assert_eq!(pii.unreadable, ["ssn"]);
    assert_eq!((pii.is_readable("ssn"), pii.is_readable("name")), (false, true));

    let own = &plans[5].info;
    assert_eq!(
        (own.reading.condition(), own.reading.list()),
        (Some("line > 0"), Some("id, line + 1 AS next"))
    );
    assert_eq!((own.reading.stored_columns.len(), own.columns.len(), &own.primary_key), (6, 2, &None));
}

#[test]
fn tables_of_sqlite_keep_what_they_say() {
    let plans = plans(include_str!("plans/sqlite.json"));
    let (alias, plain) = (info(&plans, "alias"), info(&plans, "plain"));
    assert_eq!((&alias.primary_key, alias.range_key.as_deref()), (&key(&["id"], true), Some("id")));
    assert_eq!(
        (&plain.primary_key, &plain.identity, plain.compound),
        (&key(&["a", "b"], true), &None, false)
    );
    assert_eq!((&plain.blocks[..], plans[1].method), (&[47][..], Method::Ctid));
}

#[test]
fn what_a_run_log_keeps_of_a_table_is_read() {
    let recorded: Value = serde_json::from_str(include_str!("plans/recorded.json")).unwrap();
    let plan: TablePlan = serde_json::from_value(recorded["plan"]["plan"].clone()).unwrap();
    assert_eq!((plan.method, plan.parts.len()), (Method::RangeId, 35));
    assert_eq!((&plan.info.primary_key, plan.info.compound), (&key(&["id"], true), false));
    let part: PreparedPart = serde_json::from_value(recorded["prepared"]["prepared"].clone()).unwrap();
    let file = part.files[0].clone();
    assert_eq!(
        (file.entry.name, file.entry.slice),
        (plan.parts[0].file.clone(), plan.parts[0].slice.clone())
    );
}

#[test]
fn a_plan_is_the_same_after_it_was_written_again() {
    for plan in postgres() {
        let text = serde_json::to_string(&plan).unwrap();
        let again: TablePlan = serde_json::from_str(&text).unwrap();
        assert_eq!(again, plan, "{text}");
    }
}

/// Without its facts a table might be read with rows of tables that were attached since.
#[test]
fn a_table_without_its_facts_is_not_read() {
    let url = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    let types = TypePolicy::default();
    let source = source::open(&Address::Url(url), &types, &Environment::default()).unwrap();
    for plan in postgres() {
        let read =
            TableRead { table: plan.info, columns: vec![0], slice: Slice::All, filter: None, batch_rows: 1 };
        let mut rows = source.read(&read, &plan.snapshot).unwrap();
        let first = tokio::runtime::Runtime::new().unwrap().block_on(rows.next());
        let refused = first.unwrap().unwrap_err().to_string();
        assert!(refused.contains("of another version of lakexpress"), "{refused}");
    }
}
