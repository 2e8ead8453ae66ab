//! `lakexpress check`: everything that an export needs, tried and put back.

use super::azurite::Azurite;
use super::gcs::Gcs;
use super::proxy::{Class, Fault, Proxy, When};
use super::seaweed::{BUCKET, READER, Seaweed, WRITER};
use super::standin::{StandIn, forward_as_is as forward};
use super::{CONFIG, DENIED, Place, SOME_FAILED, Store, unique};
use crate::lake::Run;
use crate::server::PgServer;

pub(super) fn check(place: &Place, id: &str) -> Run {
    let source = format!("sqlite://{}", place.path("data.db").display());
    Run::new(["check", "--source", &source, "--target-storage-id", id, "-a"]).args([place.auth()])
}

#[test]
fn every_store_passes_and_nothing_is_left() {
    let (seaweed, gcs, azurite) = (Seaweed::shared(), Gcs::shared(), Azurite::shared());
    let place = Place::new();
    place.fill(3, 20);
    let key_file = gcs.key_file(gcs.port, place.dir.path());
    let bases = ["s3", "gcs", "azure"].map(|name| unique(&format!("check-{name}")));
    let cases: [(_, &dyn Store); 3] = [
        (seaweed.entry(seaweed.port, WRITER, &bases[0]), seaweed),
        (gcs.entry(&key_file, BUCKET, &bases[1]), seaweed),
        (azurite.entry(azurite.port, &bases[2]), azurite),
    ];
    for ((entry, store), base) in cases.into_iter().zip(&bases) {
        place.entry(base, entry);
        let output = check(&place, base).output().ok().never_says(&["FAILED"]);
        for what in ["complete", "abort", "delete", "lock", "main.t"] {
            assert!(output.stdout.contains(what), "{what} was not tried\n{output}");
        }
        assert_eq!(store.list(base), []);
        assert_eq!(store.uploads(base), [""; 0]);
    }
}

#[test]
fn what_may_not_be_done_is_said() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.fill(3, 20);
    let base = unique("check-reader");
    place.entry("reader", seaweed.entry(seaweed.port, READER, &base));
    let output = check(&place, "reader").output().exits(DENIED);
    assert!(output.stdout.contains("FAILED") && output.stdout.contains("s3:PutObject"), "{output}");
    let proxy = Proxy::new(seaweed.port, When::Every(Class::Abort), Fault::Status(403));
    place.entry("no-abort", seaweed.entry(proxy.port, WRITER, &base));
    // Exports do without it: it is said what is left then.
    let output = check(&place, "no-abort").output().ok();
    let warned: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("warn")).collect();
    assert!(warned.len() == 1 && warned[0].contains("abort"), "{output}");
    assert!(output.stdout.contains("lifecycle rule"), "{output}");
}

/// What an export would stumble over at the source, each table on its own line: no right to read it, and rows that
/// a policy would hide. And at a directory of this machine.
#[test]
fn tables_that_cannot_be_read_whole() {
    let server = PgServer::shared();
    let url = server.create_db("checked");
    server.sql(
        "checked",
        "DROP ROLE IF EXISTS checked_reader; CREATE ROLE checked_reader LOGIN;
         CREATE TABLE open (id int); CREATE TABLE closed (id int); CREATE TABLE hidden (id int);
         GRANT SELECT ON open, hidden TO checked_reader;
         ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON hidden USING (id < 10);",
    );
    let out = tempfile::tempdir().unwrap();
    let as_reader = |with: &str| {
        let url = url.replace("postgres@", "checked_reader@");
        assert!(url.contains("checked_reader@"), "{url}");
        Run::new(["check", "--source", &url, "--output-dir", out.path().to_str().unwrap(), "-i", with])
            .output()
    };
    let output = as_reader("open,closed,hidden").exits(DENIED);
    let line = |what: &str| {
        let found = output.stdout.lines().position(|line| line.contains(what));
        let at = found.unwrap_or_else(|| panic!("no line about {what}\n{output}"));
        output.stdout.lines().skip(at).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(line("read public.open")[0].starts_with("ok"), "{output}");
    for (table, words) in
        [("public.closed", ["permission denied", "SELECT"]), ("public.hidden", ["row", "policy"])]
    {
        let lines = line(&format!("read {table}"));
        assert!(lines[0].starts_with("FAILED") && lines[0].contains(words[0]), "{output}");
        assert!(
            lines[1].contains("hint") && lines.concat().to_lowercase().contains(&words[1].to_lowercase()),
            "{output}"
        );
    }
    for what in ["free space", "abort", "delete", "lock"] {
        assert!(line(what)[0].starts_with("ok"), "{output}");
    }
    assert!(line("free space")[0].contains("GiB"), "{output}");
    let left: Vec<_> = crate::lake::files(out.path());
    assert!(left.is_empty(), "{left:?}");
    as_reader("open").ok();
}

/// The store's clock is an hour ahead of ours.
#[test]
fn clocks_that_differ() {
    let (seaweed, place) = (Seaweed::shared(), Place::new());
    place.fill(3, 20);
    let port = seaweed.port;
    let ahead = StandIn::new(move |request| {
        let mut answer = forward(request, port).unwrap();
        let time = chrono::Utc::now() + chrono::TimeDelta::hours(1);
        let text = String::from_utf8(answer.head).unwrap();
        let lines: Vec<&str> =
            text.trim_end().lines().filter(|l| !l.to_lowercase().starts_with("date:")).collect();
        answer.head = format!("{}\r\nDate: {}\r\n\r\n", lines.join("\r\n"), time.to_rfc2822()).into_bytes();
        answer
    });
    place.entry("ahead", seaweed.entry(ahead.port, WRITER, &unique("clocks")));
    let output = check(&place, "ahead").output().exits_one_of(&[CONFIG, SOME_FAILED]);
    let failed: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.len() == 1 && failed[0].contains("clock"), "{output}");
    assert!(output.stdout.contains("NTP"), "{output}");
}
