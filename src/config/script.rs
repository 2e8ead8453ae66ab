//! Reads a script of queries.

use std::io::Read;
use std::path::Path;

use crate::error::{Code, Error, Result};

/// Bytes above which a file is surely no script.
const LARGEST: u64 = 16 << 20;

/// The text of a file, of standard input for `-`.
///
/// # Errors
/// Usage when it cannot be read, is not UTF-8 or is larger than 16 MiB.
pub fn read(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| {
        Error::usage("cannot read the script")
            .coded(Code::FlagValue)
            .with("file", path.display())
            .caused_by(error)
    };
    let mut text = String::new();
    let length = if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(LARGEST + 1).read_to_string(&mut text)
    };
    if length.map_err(failed)? as u64 > LARGEST {
        return Err(Error::usage("the script is larger than 16 MiB")
            .coded(Code::FlagValue)
            .with("file", path.display()));
    }
    Ok(text)
}
