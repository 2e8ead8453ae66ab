//! What the engine of a table means for a moment.

/// Engines that have a consistent view of one moment.
pub(super) const OF_MOMENTS: &[&str] = &["InnoDB", "ROCKSDB"];
/// Engines without, whose tables are this server's alone, so that its locks hold off every change. Tables of others
/// (FEDERATED, SPIDER, CONNECT, NDB, ...) are changed by others.
const LOCKABLE: &[&str] =
    &["MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE", "MRG_MyISAM", "BLACKHOLE", "SEQUENCE"];

/// What an engine means for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Engine {
    /// It has a consistent view of one.
    OfMoments,
    /// It has none, and locks hold off every change.
    Lockable,
    /// It has none, and others change its tables.
    Foreign(String),
}

/// The kind of a table, by its type and its engine in the catalog.
pub(super) fn kind(table_type: &str, engine: &str) -> Engine {
    let is_in = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(engine));
    // A sequence is in a table of an engine that has moments, and has none itself.
    let is_sequence = table_type.eq_ignore_ascii_case("SEQUENCE");
    match is_in(OF_MOMENTS) {
        true if !is_sequence => Engine::OfMoments,
        false if !is_in(LOCKABLE) => Engine::Foreign(engine.to_owned()),
        _ => Engine::Lockable,
    }
}
