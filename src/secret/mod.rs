//! Texts that may hold a secret: what may be shown of them, and keys in PEM that were copied wrongly.
//!
//! | function | what it takes | what it gives |
//! |---|---|---|
//! | [`class`] | an error of a library, from reading a secret | what kind of mistake it is, in words of ours; never its text |
//! | [`in_text`] | a message | the same, with passwords and signatures of the URLs in it as `***` |
//! | [`value`] | a word that somebody wrote, such as an id | the same; `***` for what is a URL or connection string |
//! | [`warn_if_others_may_read`] | a file of secrets | a warning where its rights are too wide |
//! | [`short`] | a word that somebody wrote | the same if it is too short to give a secret away |

mod open;
pub mod pem;
mod shown;

pub use open::{readable_by_others, warn_if_others_may_read};
pub use shown::{class, in_text, short, value};
