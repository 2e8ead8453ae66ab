use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::destination::conformance;
use crate::error::ErrorKind;

fn directory() -> (tempfile::TempDir, LocalDirectory) {
    let temp = tempfile::tempdir().expect("temporary directory");
    let dest = LocalDirectory::new(temp.path().join("deep/er")).expect("local directory");
    (temp, dest)
}

#[tokio::test]
async fn local_disk_keeps_the_contract() {
    let (temp, dest) = directory();
    assert!(!temp.path().join("deep").exists(), "the base is made by the first write");
    conformance::check(&dest).await.expect("contract");
    assert!(temp.path().join("deep/er").is_dir());
    assert!(dest.object_store().is_some());
}

/// The base is a path of `object_store` too, whatever a URL would make of its characters.
#[tokio::test]
async fn any_name_of_the_base_keeps_the_contract() {
    let temp = tempfile::tempdir().expect("temporary directory");
    for name in ["50%25 ü", "a#1", "x?y=z&w", "key=value/~"] {
        let dest = LocalDirectory::new(temp.path().join(name)).expect("local directory");
        assert!(dest.object_store().is_some(), "{name}");
        conformance::check(&dest).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn locations_are_paths_or_file_urls() {
    let open = |text: &str| crate::destination::open(&Address::Location(text.to_owned()));
    let place = |text: &str| open(text).map(|dest| dest.location());
    assert_eq!(place("file:///tmp/a%20b").expect("valid"), "/tmp/a b");
    assert_eq!(place("FILE:///tmp/x").expect("valid"), "/tmp/x");
    assert_eq!(place("/tmp/1://x").expect("valid"), "/tmp/1:/x");
    assert!(place("relative").expect("valid").ends_with("/relative"));
    for wrong in ["", "  ", "file://host/x"] {
        let error = open(wrong).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Config, "{wrong}");
        assert!(!error.hints().is_empty());
    }
}

#[tokio::test]
async fn a_file_where_a_directory_should_be_is_said() {
    let temp = tempfile::tempdir().expect("temporary directory");
    let file = temp.path().join("file");
    std::fs::write(&file, b"x").expect("write");
    assert_eq!(LocalDirectory::new(&file).expect_err("refused").kind(), ErrorKind::Config);
    let dest = LocalDirectory::new(temp.path()).expect("local directory");
    let error = dest.put("file/x", Bytes::new()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("/file"), "{error}");
}

#[test]
fn io_errors_name_the_remedy() {
    for (code, kind, words) in [
        (libc_code::ENOSPC, ErrorKind::Unavailable, "no space left"),
        (libc_code::EDQUOT, ErrorKind::Unavailable, "no space left"),
        (libc_code::EACCES, ErrorKind::Denied, "permission denied"),
        (libc_code::EROFS, ErrorKind::Denied, "read-only"),
        (libc_code::ENOTDIR, ErrorKind::Config, "not a directory"),
    ] {
        let error =
            folder::io_error("cannot write", Path::new("/x/y"), std::io::Error::from_raw_os_error(code));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(words), "{error}");
        assert!(error.to_string().contains("/x/y") && !error.hints().is_empty());
    }
}

/// Linux error numbers; the values are part of its ABI.
mod libc_code {
    pub(super) const EACCES: i32 = 13;
    pub(super) const ENOTDIR: i32 = 20;
    pub(super) const ENOSPC: i32 = 28;
    pub(super) const EROFS: i32 = 30;
    pub(super) const EDQUOT: i32 = 122;
}

#[tokio::test]
async fn a_directory_without_the_right_to_write_is_denied() {
    let temp = tempfile::tempdir().expect("temporary directory");
    std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o555)).expect("chmod");
    if std::fs::write(temp.path().join("probe"), b"").is_ok() {
        return; // Root may write anywhere; the mapping is tested above.
    }
    let dest = LocalDirectory::new(temp.path()).expect("local directory");
    assert_eq!(dest.put("x", Bytes::new()).await.expect_err("denied").kind(), ErrorKind::Denied);
}

/// `/dev/full` answers every write with ENOSPC, as a full disk does.
#[tokio::test]
async fn a_full_disk_leaves_nothing_and_is_named() {
    let (temp, dest) = directory();
    let mut upload = dest.create("t/part.parquet", 0).await.expect("create");
    let pending = dest.list_pending("t").await.expect("pending");
    let hidden = temp.path().join("deep/er/t").join(&pending[0].upload_id);
    drop(upload);
    assert!(!hidden.exists(), "a dropped upload removes its file at once");

    std::fs::create_dir_all(temp.path().join("deep/er/t")).expect("mkdir");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let folder = Folder::open(&dest.base, "t").expect("open").expect("there");
    let name = hidden.file_name().expect("name").to_string_lossy().into_owned();
    upload = Box::new(upload::LocalUpload::over("t/part.parquet".into(), folder, name, full));
    upload.put_part(Bytes::from_static(b"x")).await.expect("handed over");
    let error = upload.finish().await.expect_err("full");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("no space left"), "{error}");
}

#[tokio::test]
async fn a_lock_left_by_a_dead_process_is_taken_over() {
    let (temp, dest) = directory();
    let place = temp.path().join("deep/er/t");
    std::fs::create_dir_all(&place).expect("mkdir");
    std::fs::write(place.join("_lock"), b"run dead, process 1, since 1970").expect("write");
    let lock = dest.lock("t", "alive").await.expect("lock");
    let text = std::fs::read_to_string(place.join("_lock")).expect("read");
    assert!(text.starts_with("run alive, process "), "{text}");
    lock.release().await.expect("release");
    assert!(!place.join("_lock").exists() && place.is_dir(), "what was there before stays");
}

#[tokio::test]
async fn a_directory_made_for_a_lock_alone_goes_with_it() {
    let (temp, dest) = directory();
    let (empty, used) = (temp.path().join("deep/er/run"), temp.path().join("deep/er/t"));
    let lock = dest.lock("run", "a").await.expect("lock");
    assert!(empty.is_dir());
    lock.release().await.expect("release");
    assert!(!empty.exists());
    let lock = dest.lock("t", "a").await.expect("lock");
    dest.put("t/x", Bytes::from_static(b"x")).await.expect("put");
    lock.release().await.expect("release");
    assert!(used.join("x").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lock_has_one_holder_however_many_try() {
    let (_temp, dest) = directory();
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tries = (0..8).map(|i| {
        let (dest, inside) = (dest.clone(), Arc::clone(&inside));
        tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..50 {
                if let Ok(lock) = dest.lock("t", &i.to_string()).await {
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    lock.release().await.expect("release");
                    taken += 1;
                }
            }
            taken
        })
    });
    let taken: usize = futures::future::join_all(tries).await.into_iter().map(|t| t.expect("task")).sum();
    assert!(taken > 0);
}

#[tokio::test]
async fn foreign_upload_ids_cannot_reach_other_files() {
    let (temp, dest) = directory();
    std::fs::write(temp.path().join("secret"), b"x").expect("write");
    for id in ["../../secret", "secret", ".x.tmp", "/etc/passwd", "../.x.0123456789abcdef.tmp"] {
        let upload = PendingUpload {
            path: "t/x".into(),
            upload_id: id.into(),
            part_tags: vec![],
            bytes: 1,
            crc32: String::new(),
        };
        assert!(dest.complete(&upload).await.is_err(), "{id}");
        assert!(dest.abort(&upload).await.is_err(), "{id}");
    }
    assert!(temp.path().join("secret").exists());
}
