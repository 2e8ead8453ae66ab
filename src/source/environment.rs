//! What the surroundings of the process say about connections.

use std::collections::BTreeMap;
use std::fmt;

/// Environment variables that a source may take defaults from. They never replace what a URL or an entry says. Debug
/// shows their names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// See [`Self::for_recorded`].
    recorded: bool,
}

impl Environment {
    /// The variables of `pairs`; empty ones count as not set.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self { variables, recorded: false }
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
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
