//! Where the files of a table are, for `explain-layout`.

use std::path::Path;

use super::super::args::{ExplainLayoutArgs, TargetArgs};
use super::super::values;
use super::{auth_file, open_destination, target_address};
use crate::destination;
use crate::error::{Code, Error, Result};
use crate::secret;
use crate::skipping::Place;

/// The files that are meant, and the condition.
pub(in crate::cli) async fn place(args: &ExplainLayoutArgs) -> Result<(Place, String)> {
    let Some(condition) = args.condition.clone() else {
        return Err(Error::usage("no condition")
            .coded(Code::FlagMissing)
            .hint("--where says which rows are wanted: --where \"d >= '2024-01-31'\""));
    };
    let directory = args.sub_path.as_deref().map(values::parse_sub_path).transpose()?.unwrap_or_default();
    if let (Some(what), "", None) = (&args.what, directory.as_str(), &args.target_storage_id)
        && let Some(file) = file(what).await?
    {
        return Ok((file, condition));
    }
    let auth = auth_file(&args.auth)?;
    let target = TargetArgs {
        output_dir: args.what.clone(),
        target_storage_id: args.target_storage_id.clone(),
        sub_path: None,
    };
    let Some(address) = target_address(&target, (&args.auth, auth.as_ref()), false)? else {
        return Err(Error::usage("no files to look at").coded(Code::FlagMissing).hint(
            "name a table's directory, a URL or a Parquet file, or a storage of the auth file with --target-storage-id",
        ));
    };
    if let Some(what) = args.what.as_deref().filter(|what| !what.contains("://"))
        && !Path::new(what).exists()
    {
        return Err(Error::usage(format!("there is no directory and no file '{}'", secret::value(what)))
            .coded(Code::NoParquetFile)
            .hint("name the directory of one table, or one Parquet file; URLs begin with s3://, gs:// or abfss://"));
    }
    let destination = destination::open(&address)?;
    let mut above = names(args.what.as_deref().unwrap_or_default());
    above.extend(directory.split('/').filter(|name| !name.is_empty()).map(str::to_owned));
    let shown = crate::spec::layout::below(&destination.location(), &directory);
    Ok((Place { destination, directory, file: None, above, shown }, condition))
}

/// The place as a file in the directory above it, if that is what is there.
async fn file(what: &str) -> Result<Option<Place>> {
    let is_url = what.contains("://");
    let is_file =
        if is_url { what.to_ascii_lowercase().ends_with(".parquet") } else { Path::new(what).is_file() };
    let (directory, name) = what.rsplit_once('/').unwrap_or((".", what));
    if !is_file || name.is_empty() {
        return Ok(None);
    }
    let destination = open_destination(if directory.is_empty() { "/" } else { directory })?;
    // In a bucket the name of a directory may end like that of a file.
    if is_url && destination.head(name).await?.is_none() {
        return Ok(None);
    }
    let shown = crate::spec::layout::below(&destination.location(), name);
    let above = names(directory);
    Ok(Some(Place { destination, directory: String::new(), file: Some(name.to_owned()), above, shown }))
}

/// The names of the directories of a path or URL, from the root on.
fn names(place: &str) -> Vec<String> {
    let path = match place.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path).to_owned(),
        None => {
            std::path::absolute(place).map_or_else(|_| place.to_owned(), |path| path.display().to_string())
        }
    };
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_above_are_named_from_the_root_on() {
        assert_eq!(names("s3://bucket/t/year=2024"), ["t", "year=2024"]);
        assert_eq!(names("/lake//t/year=2024/"), ["lake", "t", "year=2024"]);
        assert_eq!(names("s3://bucket"), [""; 0]);
        assert_eq!(names("year=1").last().map(String::as_str), Some("year=1"));
    }
}
