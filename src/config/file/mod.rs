//! A configuration file, with the place of everything in it: TOML or YAML, `${VAR}` replaced, other files included.
//! What its keys mean is said elsewhere.
//!
//! | file | holds |
//! |---|---|
//! | `node.rs` | what a file holds: keys and values with their places |
//! | `problem.rs` | what is wrong with it |
//! | `from_toml.rs`, `from_yaml.rs` | the two forms |
//! | `expand.rs` | variables of the environment |
//! | `include.rs` | one file and those that it includes |
//! | `write.rs` | a new file |

mod expand;
mod from_toml;
mod from_yaml;
mod include;
mod node;
mod problem;
#[cfg(test)]
mod tests;
mod write;

pub use self::include::{Document, INCLUDE, Loaded, load};
pub use self::node::{Key, Node, Place, Table, Text, Value, path_of};
pub use self::problem::Problem;
pub use self::write::create;
