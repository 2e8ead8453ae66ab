//! What `--if-exists append` asks of the files that are there, and of those that are added.

use super::*;

const MORE: Export = Export { run_id: "0a0a0a02", first: 1000, parts: 2, if_exists: IfExists::Append };

/// A manifest that promises rows which are not there must not be carried on.
#[tokio::test]
async fn files_of_another_size_are_not_added_to() {
    for bytes in [-1, 1] {
        let place = Place::new();
        let manifest = OLD.run(&place.destination, None).await.expect("the old table");
        let path = place.dir().join(&manifest.files[3].name);
        let size = manifest.files[3].bytes.checked_add_signed(bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        let error = MORE.run(&place.destination, None).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(&manifest.files[3].name), "{error}");
        assert_eq!(place.manifest(), Some(manifest), "untouched");
    }
}

/// Each of these makes readers of all files fail, or read values as what they are not.
#[tokio::test]
async fn columns_of_another_type_or_reference_system_are_not_added() {
    let place = Place::new();
    OLD.run(&place.destination, None).await.expect("the old table");
    let before = place.names();
    let change: [fn(&mut ManifestColumn); 3] = [
        |column| column.arrow_type = "Decimal128(10, 2)".into(),
        |column| column.crs = Some("EPSG:3857".into()),
        |column| column.name = "ID".into(),
    ];
    for change in change {
        let transaction = begin(&place.destination, "r", IfExists::Append).await.unwrap();
        let mut other = OLD.manifest();
        change(&mut other.columns[0]);
        let error = commit(transaction, vec![], other).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert_eq!(place.names(), before);
    }
}

/// A column without NULLs may have some in the files that are there.
#[tokio::test]
async fn a_column_that_was_nullable_stays_so() {
    for (then, now) in [(true, false), (false, true), (false, false)] {
        let place = Place::new();
        let mut old = OLD.manifest();
        old.columns[1].nullable = then;
        let begin =
            async |run: &'static str, if_exists| begin(&place.destination, run, if_exists).await.unwrap();
        commit(begin("r1", IfExists::Overwrite).await, vec![], old).await.expect("commit");
        let mut new = OLD.manifest();
        new.columns[1].nullable = now;
        commit(begin("r2", IfExists::Append).await, vec![], new).await.expect("commit");
        assert_eq!(place.manifest().unwrap().columns[1].nullable, then || now);
    }
}

/// Also in the directories of periods nothing is replaced, nor left beside the new files, that no manifest names.
#[tokio::test]
async fn files_of_others_in_directories_of_periods_are_not_replaced() {
    let place = Place::new();
    OLD.run(&place.destination, None).await.expect("the old table");
    let name = "year=2020/month=01/part-00000.parquet";
    fs::create_dir_all(place.dir().join(name).parent().unwrap()).unwrap();
    fs::write(place.dir().join(name), b"x").unwrap();
    let before = place.names();
    let new = Export { if_exists: IfExists::Overwrite, ..MORE };
    let error = new.run(&place.destination, None).await.expect_err("refused");
    assert!(error.to_string().contains(name), "{error}");
    assert_eq!(place.names(), before);
    assert_eq!(place.ids(&place.manifest().expect("manifest")), OLD.ids());
}
