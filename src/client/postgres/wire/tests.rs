use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::connection::{Statement, version_number};
use super::error::Response;
use super::frame::Frames;
use super::*;
use crate::client::postgres::config::PostgresConfig;
use crate::client::transport::{Stream, buffer};
use crate::error::{ErrorKind, Result};

/// A connection whose server is the returned end of a socket pair.
fn pair() -> (Connection, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let config = PostgresConfig::new("/nowhere", "u", "d");
    let mut frames = Frames::for_startup();
    frames.lift_limit();
    let connection = Connection {
        stream: Stream::Unix(ours),
        frames,
        output: BytesMut::new(),
        cancel: CancelToken::new(&config, stream::Peer::Unix, false, None),
        parameters: BTreeMap::new(),
        statement: Statement { runs: false, cancel: None },
        received: Arc::default(),
    };
    (connection, theirs)
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

const FAILURE: &[u8] = b"SERROR\0VERROR\0C57014\0Mcanceling statement\0Dbecause\0Hask again\0\0";

/// Takes the copy to its end; the payloads, and the server's count.
async fn drain(mut copy: CopyOut) -> Result<(Vec<Vec<u8>>, u64)> {
    let mut payloads = Vec::new();
    loop {
        while let Some(payload) = copy.next_message()? {
            payloads.push(payload.to_vec());
        }
        if let Some(rows) = copy.ended() {
            copy.into_connection()?;
            return Ok((payloads, rows));
        }
        copy.fill().await?;
    }
}

#[tokio::test]
async fn copy_survives_every_split_and_what_comes_between() {
    let mut bytes = Vec::new();
    bytes.extend(message(b'd', b"one"));
    bytes.extend(message(b'N', FAILURE));
    bytes.extend(message(b'd', b""));
    bytes.extend(message(b'S', b"TimeZone\0UTC\0"));
    bytes.extend(message(b'd', &[7; 300]));
    bytes.extend(message(b'c', b""));
    bytes.extend(message(b'S', b"a\0b\0"));
    bytes.extend(message(b'C', b"COPY 3\0"));
    bytes.extend(message(b'Z', b"I"));
    for split in 0..=bytes.len() {
        let (connection, mut server) = pair();
        let (first, second) = bytes.split_at(split);
        let copying = tokio::spawn(drain(CopyOut::new(connection)));
        server.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        server.write_all(second).await.unwrap();
        let (payloads, rows) = copying.await.unwrap().unwrap();
        assert_eq!(payloads, [b"one".to_vec(), Vec::new(), vec![7; 300]]);
        assert_eq!(rows, 3);
    }
}

#[tokio::test]
async fn copy_never_ends_by_itself() {
    let complete =
        [message(b'd', b"one"), message(b'c', b""), message(b'C', b"COPY 1\0"), message(b'Z', b"I")].concat();
    for length in 0..complete.len() {
        let (connection, mut server) = pair();
        server.write_all(&complete[..length]).await.unwrap();
        drop(server);
        let error = drain(CopyOut::new(connection)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "after {length} bytes: {error}");
        assert!(error.message().contains("server closed the connection"));
    }
    let wrong: [&[Vec<u8>]; 5] = [
        &[message(b'C', b"COPY 0\0")],
        &[message(b'c', b""), message(b'C', b"SELECT 1\0")],
        &[message(b'c', b""), message(b'C', b"COPY \0")],
        &[message(b'c', b""), message(b'd', b"late")],
        &[message(b'c', b""), message(b'Z', b"I")],
    ];
    for bytes in wrong {
        let (connection, mut server) = pair();
        server.write_all(&bytes.concat()).await.unwrap();
        assert!(drain(CopyOut::new(connection)).await.unwrap_err().message().contains("unexpected answer"));
    }
}

#[tokio::test]
async fn copy_gives_the_servers_error_after_the_rows_before_it() {
    let (connection, mut server) = pair();
    server.write_all(&[message(b'd', b"one"), message(b'E', FAILURE)].concat()).await.unwrap();
    let mut copy = CopyOut::new(connection);
    copy.fill().await.unwrap();
    assert_eq!(copy.next_message().unwrap(), Some(&b"one"[..]));
    let error = copy.next_message().unwrap_err();
    assert_eq!(sqlstate(&error), Some("57014"));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.message(), "canceling statement; because");
    assert!(error.hints().iter().any(|hint| hint == "the server says: ask again"));
    assert!(copy.next_message().is_err() && copy.fill().await.is_err() && copy.ended().is_none());
    assert!(copy.into_connection().is_err());
}

#[test]
fn buffer_grows_for_a_large_message_and_shrinks_again() {
    let mut frames = Frames::for_startup();
    frames.lift_limit();
    let large = vec![1; 9 << 20];
    frames.feed(&message(b'd', &large));
    let frame = frames.next_if(b'd').unwrap();
    assert_eq!(frames.body(frame), large);
    assert!(frames.size() < (9 << 20) + 2 * buffer::READ_BYTES);
    frames.feed(&message(b'd', b"x"));
    assert!(frames.size() <= 2 * buffer::READ_BYTES, "{}", frames.size());
    let frame = frames.next().unwrap().unwrap();
    assert_eq!(frames.body(frame), b"x");
}

#[test]
fn what_is_no_postgres_server_is_noticed_at_once() {
    let mut frames = Frames::for_startup();
    frames.feed(b"HTTP/1.1 400 Bad Request\r\n");
    assert!(frames.next().unwrap_err().hints()[0].contains("PostgreSQL"));
}

#[test]
fn rows_are_parsed_completely_or_not_at_all() {
    let row = Row::parse(&[0, 3, 0, 0, 0, 1, b'a', 255, 255, 255, 255, 0, 0, 0, 0]).unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2), row.get(3)), (Some("a"), None, Some(""), None));
    assert!(row.required(1).is_err());
    for bad in [&[0, 1, 0, 0, 0, 2, b'a'][..], &[0], &[0, 1, 0], &[0, 0, 9], &[0, 1, 0, 0, 0, 1, 0xff]] {
        assert!(Row::parse(bad).is_err());
    }
}

#[test]
fn versions_compare() {
    let known = [
        ("15.18 (Debian 15.18-0+deb12u1)", 150_018),
        ("16beta1", 160_000),
        ("18devel", 180_000),
        ("9.6.24", 90_624),
        ("17.2", 170_002),
        ("15.4.0", 150_004),
        ("", 0),
        ("unknown", 0),
    ];
    for (text, number) in known {
        assert_eq!(version_number(text), number, "{text}");
    }
}

#[test]
fn kinds_follow_the_class_of_the_code() {
    let kind = |code: &str| Response::parse(format!("C{code}\0Mm\0\0").as_bytes()).into_error().kind();
    let known = [
        ("28P01", ErrorKind::Denied),
        ("42501", ErrorKind::Denied),
        ("3D000", ErrorKind::Config),
        ("42P01", ErrorKind::Data),
        ("42601", ErrorKind::Data),
        ("57P01", ErrorKind::Unavailable),
        ("08006", ErrorKind::Unavailable),
        ("53300", ErrorKind::Unavailable),
        ("40001", ErrorKind::Unavailable),
        ("55P03", ErrorKind::Unavailable),
        ("57014", ErrorKind::Unavailable),
        ("55000", ErrorKind::Data),
        ("22P02", ErrorKind::Data),
    ];
    for (code, expected) in known {
        assert_eq!(kind(code), expected, "{code}");
    }
}
