//! `--mask` and its key.

use std::path::Path;

use super::Problems;
use crate::cli::args::MaskArgs;
use crate::cli::values;
use crate::config::own;
use crate::error::{Code, Error, Result};
use crate::plan::masks::key_check;
use crate::spec::{MaskKey, MasksSpec};

/// The masks, with their key if there is one.
pub(super) fn masks(args: &MaskArgs, problems: &mut Problems) -> MasksSpec {
    let rules = args.mask.iter().filter_map(|text| problems.keep(values::parse_mask(text))).collect();
    let mut spec = MasksSpec { rules, ..MasksSpec::default() };
    if let Some(path) = &args.key.mask_key_file {
        with_key(&mut spec, problems.keep(key(path)));
    }
    spec
}

/// `spec` with `key`, which has to be that which is recorded, if one is.
pub(in crate::cli) fn with_key(spec: &mut MasksSpec, key: Option<MaskKey>) {
    spec.key_check = key.as_ref().map(key_check);
    spec.key = key;
}

/// The key of a file, without line ends and blanks behind it. What is no file is not shown: it may be the key.
pub(in crate::cli) fn key(path: &Path) -> Result<MaskKey> {
    let content = own::read_secret("key of masks", path).map_err(|error| {
        Error::config("the key of masks cannot be read")
            .coded(Code::Mask)
            .with("flag", "--mask-key-file")
            .caused_by(error)
            .hint("name a file that has the key")
    })?;
    MaskKey::new(content.trim_ascii_end()).map_err(|error| error.with("file", path.display()))
}
