//! What the surroundings of the process say about connections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Environment variables that a source may take defaults from. They never replace what a URL or an entry says. Debug
/// shows their names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    empty: BTreeSet<String>,
    /// See [`Self::for_recorded`].
    recorded: bool,
}

impl Environment {
    /// The variables of `pairs`; empty ones count as not set.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let (empty, variables): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, value)| value.is_empty());
        let empty = empty.into_iter().map(|(name, _)| name).collect();
        Self { variables: variables.into_iter().collect(), empty, recorded: false }
    }

    /// The same for an address out of a run log, which others may have written: a password that this holds goes only to
    /// a server that this names too.
    #[must_use]
    pub fn for_recorded(self) -> Self {
        Self { recorded: true, ..self }
    }

    /// Whether the address is out of a run log.
    pub fn is_for_recorded(&self) -> bool {
        self.recorded
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether a variable is set to nothing.
    pub fn is_empty(&self, name: &str) -> bool {
        self.empty.contains(name)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
