use super::*;

const KEY: &str = "db.info.password_command";

fn fresh(line: &str, lifetime: Duration) -> Fresh {
    Fresh::new(KEY, Origin::Command(line.to_owned()), lifetime)
}

async fn given(line: &str) -> Result<String> {
    fresh(line, LIFETIME).password().await.map(|password| password.expose().to_owned())
}

/// How often a line that appends to `asked` ran.
fn asked(dir: &tempfile::TempDir) -> usize {
    std::fs::read_to_string(dir.path().join("asked")).expect("asked").lines().count()
}

#[tokio::test]
async fn the_command_is_waited_for_and_not_what_holds_its_output() {
    let began = Instant::now();
    for line in ["echo secret; sleep 300 &", "echo secret; setsid sleep 5 &", "printf 'secret\\r\\n'"] {
        assert_eq!(given(line).await.expect(line), "secret", "{line}");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let long = "x".repeat(MOST_BYTES);
    let line = format!("head -c {MOST_BYTES} /dev/zero | tr '\\0' x; printf '\\r\\n'");
    assert_eq!(given(&line).await.expect("64 KiB"), long);
}

#[tokio::test]
async fn what_is_no_password_is_said_with_its_key() {
    let too_long = format!("head -c {} /dev/zero | tr '\\0' x", MOST_BYTES + 1);
    for (line, words) in [
        ("yes", "writes more than 64 KiB"),
        ("cat /dev/zero", "writes more than 64 KiB"),
        ("setsid yes", "writes more than 64 KiB"),
        (too_long.as_str(), "longer than 64 KiB"),
        ("echo", "is empty"),
        ("printf 'a\\0b\\n'", "a NUL byte"),
        ("printf 'a\\r'", "a carriage return"),
        ("echo a; echo b", "more than one line"),
        ("echo a; exit 3", "exit status: 3"),
        ("echo a; kill -9 $$", "ended by signal 9"),
        ("echo a; kill -9 0", "its shell was ended"),
        ("no-such-program-at-all", "not found"),
        ("echo 'a", "exit status: 2"),
        ("read a < /dev/tty && echo a", "exit status"),
    ] {
        let error = format!("{:?}", given(line).await.expect_err(line));
        assert!(error.contains(words) && error.contains(KEY), "{line}: {error}");
    }
    let endless = Fresh { patience: Duration::from_secs(1), ..fresh("echo a; sleep 300", LIFETIME) };
    let error = endless.password().await.map(|_| ()).expect_err("no end");
    assert!(error.message().ends_with("has not ended after 1 s"), "{error}");
}

#[tokio::test]
async fn a_password_serves_for_its_lifetime() {
    let time = clock::hold();
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("token");
    let kept = Fresh::new("db.info.password_file", Origin::File(path.clone()), LIFETIME);
    std::fs::write(&path, "first").expect("written");
    assert_eq!(kept.password().await.expect("a file").expose(), "first");
    std::fs::write(&path, "second").expect("written");
    time.advance(LIFETIME - Duration::from_millis(1));
    assert_eq!(kept.password().await.expect("kept").expose(), "first");
    time.advance(Duration::from_millis(1));
    assert_eq!(kept.password().await.expect("read again").expose(), "second");
    // A file that is gone for a moment: the server is to judge the last one.
    std::fs::remove_file(&path).expect("removed");
    time.advance(LIFETIME);
    assert_eq!(kept.password().await.expect("the last one").expose(), "second");
}

#[tokio::test]
async fn those_who_wait_share_one_failure() {
    let dir = tempfile::tempdir().expect("directory");
    let line = format!("echo >> '{}/asked'; sleep 0.5; exit 1", dir.path().display());
    let failing = fresh(&line, LIFETIME);
    let all = futures::future::join_all((0..8).map(|_| failing.password())).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(asked(&dir), 1);
    let errors: Vec<String> = all.into_iter().filter_map(Result::err).map(|e| format!("{e:?}")).collect();
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    // A later caller asks again.
    assert!(failing.password().await.is_err());
    assert_eq!(asked(&dir), 2);
}

#[tokio::test]
async fn those_who_wait_share_the_last_password_and_a_refused_one() {
    let dir = tempfile::tempdir().expect("directory");
    let at = dir.path().display();
    let line =
        format!("echo >> '{at}/asked'; sleep 0.3; [ $(wc -l < '{at}/asked') -le 1 ] || exit 1; echo first");
    let expiring = fresh(&line, Duration::ZERO);
    expiring.password().await.expect("the first");
    let all = futures::future::join_all((0..8).map(|_| expiring.password())).await;
    assert!(all.iter().all(|given| given.as_ref().is_ok_and(|given| given.expose() == "first")));
    assert_eq!(asked(&dir), 2);
    let refused = Secret::new("first");
    let all = futures::future::join_all((0..8).map(|_| expiring.instead_of(&refused))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(asked(&dir), 3);
    // A command that gives the refused one again: who came after it began asks once more, for all of them.
    let dir = tempfile::tempdir().expect("directory");
    let same = fresh(&format!("echo >> '{}/asked'; sleep 0.3; echo same", dir.path().display()), LIFETIME);
    let refused = same.password().await.expect("same");
    let all = futures::future::join_all((0..8).map(|_| same.instead_of(&refused))).await;
    assert!(all.iter().all(|given| given.as_ref().is_ok_and(|given| *given == refused)));
    assert_eq!(asked(&dir), 1 + 2);
}

/// Logs in where a server takes `valid` alone: whether it did, and what it was given.
async fn logged_in(fresh: &Fresh, valid: &str) -> (bool, Vec<String>) {
    let mut given = Vec::new();
    let taken = fresh.log_in(
        |password| {
            given.push(password.expose().to_owned());
            let is_valid = password.expose() == valid;
            async move { if is_valid { Ok(()) } else { Err(Error::denied("refused")) } }
        },
        |error| error.kind() == crate::error::ErrorKind::Denied,
    );
    let taken = taken.await.is_ok();
    (taken, given)
}

#[tokio::test]
async fn a_password_that_changes_during_a_login_is_followed_and_none_is_tried_twice() {
    let dir = tempfile::tempdir().expect("directory");
    let line = format!("cd '{}'; echo >> asked; echo p$(wc -l < asked)", dir.path().display());
    let changing = fresh(&line, LIFETIME);
    assert_eq!(logged_in(&changing, "p3").await, (true, ["p1", "p2", "p3"].map(String::from).to_vec()));
    let (taken, given) = logged_in(&changing, "none").await;
    assert_eq!((taken, given.len()), (false, MOST_LOGINS));
    // The same one is asked for again, and the server is not.
    let time = clock::hold();
    let same = fresh("echo same", LIFETIME);
    for pauses in 1..=2 {
        let (outcome, ()) = tokio::join!(logged_in(&same, "other"), async {
            time.awaited(PAUSE).await;
            time.advance(PAUSE);
        });
        assert_eq!(outcome, (false, vec!["same".to_owned()]));
        assert_eq!(time.passed(), pauses * PAUSE);
    }
    // The server has the new one a moment earlier.
    let late = dir.path().join("late");
    std::fs::write(&late, "old").expect("written");
    let lagging = Fresh::new("db.info.password_file", Origin::File(late.clone()), LIFETIME);
    let (taken, ()) = tokio::join!(logged_in(&lagging, "new"), async {
        time.awaited(PAUSE).await;
        std::fs::write(&late, "new").expect("written");
        time.advance(PAUSE);
    });
    assert_eq!(taken, (true, vec!["old".to_owned(), "new".to_owned()]));
}

#[tokio::test]
async fn a_file_is_read_in_bounds() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("token");
    let of = |path: &Path| Fresh::new("db.info.password_file", Origin::File(path.to_owned()), LIFETIME);
    for (path, words) in [
        (dir.path(), "a directory"),
        (Path::new("/dev/zero"), "a device"),
        (&path, "No such file"),
        (Path::new("no\0path"), "cannot read"),
    ] {
        let error = of(path).password().await.map(|_| ()).expect_err("no file");
        assert!(format!("{error}").contains(words), "{error}");
        assert_eq!(error.kind(), crate::error::ErrorKind::Config);
    }
    std::fs::write(&path, "secret\r\n").expect("written");
    assert_eq!(of(&path).password().await.expect("a file").expose(), "secret");
    File::options().write(true).open(&path).expect("opened").set_len(1 << 40).expect("sparse");
    let error = of(&path).password().await.map(|_| ()).expect_err("huge");
    assert!(
        format!("{error}").contains("longer than 64 KiB") && format!("{error}").contains("token"),
        "{error}"
    );
}
