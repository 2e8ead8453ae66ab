//! The seeds of every target, and some thousand inputs made of them.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::TARGETS;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&dir).expect("seeds").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 2, "{target} has no seeds");
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// A seed with some bytes changed, taken out, doubled, or replaced by what breaks readers.
fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"-1",
        b"18446744073709551615",
        b"1e999",
        b"null",
        b"{}",
        b"[]",
        b"\"",
        b"\\u0000",
        b"../",
        b"/",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"\0\0\0\0",
        b"\xc3\x28",
        b"\xef\xbb\xbf",
    ];
    let change =
        (any::<prop::sample::Index>(), 0..16_usize, 0..6_u8, any::<u8>(), prop::sample::select(words));
    (prop::sample::select(seeds), prop::collection::vec(change, 0..6)).prop_map(|(mut data, changes)| {
        for (at, length, how, byte, word) in changes {
            let at = at.index(data.len() + 1);
            let end = (at + length).min(data.len());
            match how {
                0 if at < data.len() => data[at] = byte,
                1 => drop(data.drain(at..end)),
                2 => {
                    let again = data[at..end].to_vec();
                    data.splice(at..at, again);
                }
                3 => data.truncate(at),
                4 => drop(data.splice(at..end, word.iter().copied())),
                _ => drop(data.splice(at..at, word.iter().copied())),
            }
        }
        data
    })
}

#[test]
fn seeds_and_what_is_made_of_them_break_no_reader() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        seeds.iter().for_each(|seed| target(seed));
        let cases = if matches!(*name, "mysql" | "server" | "encoders") { 300 } else { 3_000 };
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let ran = TestRunner::new(config).run(&mutated(seeds), |data| {
            target(&data);
            Ok(())
        });
        ran.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A seed that is refused at its first byte leads a fuzzer nowhere.
#[test]
fn seeds_are_documents_and_servers_that_are_accepted() {
    type Reader = fn(&[u8]) -> Result<(), crate::error::Error>;
    let readers: [(&str, Reader, &[&[u8]]); 7] = [
        ("auth", |data| crate::config::fuzzing(data), &[]),
        ("copy", |data| crate::source::postgres_fuzzing::copy(data), &[]),
        ("delta", |data| crate::format::delta_fuzzing(data), &[]),
        ("intent", |data| crate::format::fuzzing(data), &[]),
        ("manifest", |data| crate::format::read_manifest(data).map(drop), &[]),
        ("mysql", |data| crate::client::mysql_fuzzing::server(data), &[b"#28000", b"#21000"]),
        (
            "server",
            |data| crate::client::postgres_fuzzing::server(data),
            &[b"28P01", b"22012", b"SCRAM", b"BEGIN"],
        ),
    ];
    for (name, read, refused) in readers {
        for seed in seeds(name) {
            let result = read(&seed);
            let is_refused = refused.iter().any(|mark| seed.windows(mark.len()).any(|part| part == *mark));
            assert_eq!(result.is_err(), is_refused, "{name}: {result:?} {}", String::from_utf8_lossy(&seed));
        }
    }
}
