mod left;
mod values;

use std::borrow::Cow;

use mysql_common::constants::CapabilityFlags;
use mysql_common::scramble::{scramble_native, scramble_sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::auth::{self, Login, Method, PublicKey};
use super::greeting::{Greeting, ours};
use super::link::Link;
use super::packet::{FULL, Packets};
use super::*;
use crate::client::mysql::config::MysqlConfig;
use crate::client::transport::Stream;
use crate::client::{Address, Environment};
use crate::error::{Error, ErrorKind, Result};

const NONCE: &[u8; 20] = b"abcdefghijklmnopqrst";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const END: &[u8] = &[0xfe, 0, 0, 2, 0, 0, 0];
/// What servers before MySQL 5.7.5 end definitions and rows with.
const OLD_END: &[u8] = &[0xfe, 0, 0, 2, 0];
const FAILURE: &[u8] = b"\xff\x7d\x04#42000no such table";

/// Bodies as packets, numbered from `first`.
fn sent(first: u8, bodies: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, body) in (first..).zip(bodies) {
        let [a, b, c, ..] = body.len().to_le_bytes();
        bytes.extend([a, b, c, number]);
        bytes.extend_from_slice(body);
    }
    bytes
}

/// A server's first packet: as MariaDB and MySQL send it, but for `capabilities`.
fn greeting(capabilities: CapabilityFlags, method: &str) -> Vec<u8> {
    let bits = capabilities.bits().to_le_bytes();
    let mut body = b"\x0a5.5.5-10.11.14-MariaDB\0".to_vec();
    body.extend(77_u32.to_le_bytes());
    body.extend(&NONCE[..8]);
    body.push(0);
    body.extend(&bits[..2]);
    body.extend([45, 2, 0]);
    body.extend(&bits[2..]);
    body.push(21);
    body.extend([0; 10]);
    body.extend(&NONCE[8..]);
    body.push(0);
    body.extend(method.as_bytes());
    body.push(0);
    body
}

fn config() -> MysqlConfig {
    let url = url::Url::parse("mysql://me:pa55@localhost/d").unwrap();
    MysqlConfig::from_address(&Address::Url(url), &Environment::default()).unwrap()
}

fn pa55(server_key: PublicKey) -> Login<'static> {
    Login { password: b"pa55", server_key }
}

/// A connection to a server that has sent `bytes`; and the other end of it.
async fn connected(capabilities: CapabilityFlags, bytes: &[u8]) -> (Connection, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut link = Link::new(Stream::Unix(ours), "there".into());
    link.packets.lift_limit();
    let greeting = Greeting::parse(&greeting(capabilities, "mysql_native_password")).unwrap();
    theirs.write_all(bytes).await.unwrap();
    (Connection::new(link, greeting, capabilities), theirs)
}

/// All that the client said, which has hung up.
async fn said(mut theirs: UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await.unwrap();
    bytes
}

fn column(name: &str, kind: u8, flags: u16) -> Vec<u8> {
    let mut body = b"\x03def\x01s\x01t\x01t".to_vec();
    body.push(u8::try_from(name.len()).unwrap());
    body.extend(name.as_bytes());
    body.extend(b"\x01c\x0c\x2d\x00\x14\x00\x00\x00");
    body.push(kind);
    body.extend(flags.to_le_bytes());
    body.extend([3, 0, 0]);
    body
}

#[test]
fn greetings_are_read_and_cut_ones_refused() {
    let whole = greeting(ours(), "caching_sha2_password");
    let read = Greeting::parse(&whole).unwrap();
    assert_eq!((read.id, &read.nonce, read.capabilities), (77, NONCE, ours()));
    assert_eq!(read.method, b"caching_sha2_password");
    assert_eq!(read.version, "5.5.5-10.11.14-MariaDB");
    let end = whole.len() - "caching_sha2_password\0".len();
    for length in 0..end {
        assert!(Greeting::parse(&whole[..length]).is_err(), "{length}");
    }
    let mut wrong = whole.clone();
    wrong[0] = 9;
    assert!(Greeting::parse(&wrong).is_err());
    assert!(Greeting::parse(&greeting(CapabilityFlags::CLIENT_PROTOCOL_41, "")).is_err());
    // Every length of the nonce, whatever follows.
    let at = whole.iter().position(|byte| *byte == 21).unwrap();
    for length in 0..=255 {
        wrong = whole.clone();
        wrong[at] = length;
        let found = Greeting::parse(&wrong);
        assert!(length > 21 || found.is_ok_and(|greeting| greeting == read), "{length}");
    }
}

/// Logs in to a server that has sent `bytes`; what came of it, and what the client said.
async fn logged_in(bytes: &[u8]) -> (Result<()>, Vec<u8>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(bytes).await.unwrap();
    let done = log_in(Stream::Unix(ours), &config(), Encryption::Never, pa55(PublicKey::None)).await;
    (done.map(drop), said(theirs).await)
}

#[tokio::test]
async fn the_first_answer_has_names_proof_and_nothing_that_was_not_offered() {
    let offered = ours() | CapabilityFlags::CLIENT_LOCAL_FILES | CapabilityFlags::CLIENT_COMPRESS;
    let hello = greeting(offered - CapabilityFlags::CLIENT_LONG_PASSWORD, "mysql_native_password");
    let bytes = [sent(0, &[&hello]), sent(2, &[OK])].concat();
    let (done, said) = logged_in(&bytes).await;
    done.unwrap();
    let proof = scramble_native(NONCE, b"pa55").unwrap();
    let mut expected = (ours() - CapabilityFlags::CLIENT_LONG_PASSWORD).bits().to_le_bytes().to_vec();
    expected.extend(0x4000_0000_u32.to_le_bytes());
    expected.push(45);
    expected.extend([0; 23]);
    expected.extend(b"me\0");
    expected.push(20);
    expected.extend(proof);
    expected.extend(b"d\0mysql_native_password\0");
    let quit = sent(0, &[&[1]]);
    assert_eq!(said, [sent(1, &[&expected]), quit].concat());
}

#[tokio::test]
async fn logins_of_every_method_answer_what_is_asked_and_no_more() {
    let native = sent(0, &[&greeting(ours(), "mysql_native_password")]);
    let caching = sent(0, &[&greeting(ours(), "caching_sha2_password")]);
    let switch = |method: &str| [b"\xfe", method.as_bytes(), b"\0tsrqponmlkjihgfedcba\0"].concat();
    let nonce = b"tsrqponmlkjihgfedcba";
    let with = |hello: &[u8], more: &[(u8, &[u8])]| {
        let more = more.iter().flat_map(|(number, body)| sent(*number, &[body]));
        [hello.to_vec(), more.collect()].concat()
    };
    let proof = scramble_sha256(nonce, b"pa55").unwrap();
    for (bytes, expected) in [
        (with(&caching, &[(2, &[1, 3]), (3, OK)]), &b""[..]),
        (with(&caching, &[(2, &[1, 4]), (4, OK)]), b"pa55\0"),
        (with(&native, &[(2, &switch("caching_sha2_password")), (4, &[1, 3]), (5, OK)]), &proof),
    ] {
        let (done, said) = logged_in(&bytes).await;
        done.unwrap();
        let first = 4 + usize::from(said[0]);
        let rest = if expected.is_empty() { Vec::new() } else { sent(3, &[expected]) };
        assert_eq!(said[first..], [rest, sent(0, &[&[1]])].concat());
    }
    for (bytes, kind, part) in [
        (with(&native, &[(2, FAILURE)]), ErrorKind::Data, "no such table"),
        (with(&native, &[(2, &switch("sha256_password"))]), ErrorKind::Config, "by sha256_password, which"),
        (with(&native, &[(2, &switch("client_ed25519"))]), ErrorKind::Config, "by client_ed25519, which"),
        (
            with(&native, &[(2, &switch("mysql_clear_password"))]),
            ErrorKind::Config,
            "by mysql_clear_password",
        ),
        (with(&native, &[(2, &[0xfe])]), ErrorKind::Config, "by mysql_old_password"),
        (with(&native, &[(2, b"\xfemysql_native_password\0short\0")]), ErrorKind::Config, "nonce"),
        (with(&native, &[(2, &[1, 4])]), ErrorKind::Config, "out of turn"),
        (with(&caching, &[(2, &[1, 3]), (3, &[1, 4])]), ErrorKind::Config, "out of turn"),
        (
            with(&caching, &[(2, &switch("mysql_native_password")), (4, &switch("sha256_password"))]),
            ErrorKind::Config,
            "out of turn",
        ),
        (with(&native, &[(3, OK)]), ErrorKind::Unavailable, "packet 3 instead of 2"),
        (native.clone(), ErrorKind::Unavailable, "closed the connection"),
        (sent(0, &[b"\xff\x10\x04Too many connections"]), ErrorKind::Unavailable, "Too many"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), ErrorKind::Unavailable, "unexpected answer"),
        (sent(0, &[b"\x09old"]), ErrorKind::Config, "not understood"),
    ] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        let login = log_in(Stream::Unix(ours), &config(), Encryption::Never, pa55(PublicKey::None)).await;
        let error = login.expect_err(part);
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error:?}");
        let said = said(theirs).await;
        assert!(!said.windows(4).any(|bytes| bytes == b"pa55"), "{part}");
    }
}

#[tokio::test]
async fn the_password_itself_goes_only_where_nobody_listens() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut link = Link::new(Stream::Unix(ours), "there".into());
    theirs.write_all(&sent(0, &[&[1, 4]])).await.unwrap();
    theirs.shutdown().await.unwrap();
    let error =
        auth::login(&mut link, Method::CachingSha2, *NONCE, &pa55(PublicKey::None), false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.hints()[0].contains("sslmode=require"), "{error:?}");
    drop(link);
    assert!(said(theirs).await.is_empty());
}

#[tokio::test]
async fn a_server_without_tls_is_left_where_tls_is_required() {
    let hello = greeting(ours(), "mysql_native_password");
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(&sent(0, &[&hello])).await.unwrap();
    let tls = crate::client::transport::client_config(None, false, None).unwrap();
    let required = Encryption::Required(tls);
    let error = log_in(Stream::Unix(ours), &config(), required, pa55(PublicKey::None)).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Config, "the server has no TLS"));
    assert!(said(theirs).await.is_empty());
}

#[test]
fn parts_of_a_packet_are_joined_and_the_buffer_shrinks_again() {
    let large: Vec<u8> = (0..FULL + 5).map(|at| (at % 251) as u8).collect();
    let exact = vec![7; FULL];
    for (body, parts) in [(&large, [FULL, 5]), (&exact, [FULL, 0])] {
        let mut packets = Packets::for_login();
        packets.lift_limit();
        let (first, second) = body.split_at(parts[0]);
        let bytes = [sent(0, &[first, second]), sent(2, &[b"next"])].concat();
        packets.feed(&bytes[..parts[0] + 6]);
        assert!(packets.next().unwrap().is_none());
        packets.feed(&bytes[parts[0] + 6..]);
        let whole = packets.next().unwrap().expect("it is complete");
        assert!(packets.body(whole) == body.as_slice());
        assert!(packets.size() < 2 * body.len() + (1 << 20), "{}", packets.size());
        let next = packets.next().unwrap().expect("it is complete");
        assert_eq!(packets.body(next), b"next");
        packets.feed(&sent(3, &[b"x"]));
        assert!(packets.size() <= 1 << 20, "{}", packets.size());
        let next = packets.next().unwrap().expect("it is complete");
        assert_eq!(packets.body(next), b"x");
    }
}

#[test]
fn what_is_no_server_is_noticed_at_once() {
    let mut packets = Packets::for_login();
    packets.feed(b"HTTP/1.1 400 Bad Request\r\n");
    assert!(packets.next().unwrap_err().contains("more than 1048576 bytes"));
    let mut packets = Packets::for_login();
    packets.lift_limit();
    let full = sent(0, &[&vec![0; FULL]]);
    packets.feed(&full);
    packets.feed(&sent(2, &[b"x"]));
    assert_eq!(packets.next().unwrap_err(), "packet 2 instead of 1");
}

/// Two rows of a result with every width of value.
fn result(old: bool) -> Vec<Vec<u8>> {
    let end = if old { OLD_END } else { END };
    let mut bodies = vec![
        vec![4],
        column("small", 1, 0),
        column("big", 8, 0x20),
        column("at", 12, 0),
        column("text", 253, 0),
    ];
    if old {
        bodies.push(end.to_vec());
    }
    let first = b"\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x04\xea\x07\x01\x02\x03abc";
    bodies.extend([first.to_vec(), b"\x00\x18\x80\x00".to_vec(), end.to_vec()]);
    bodies
}

fn refs(bodies: &[Vec<u8>]) -> Vec<&[u8]> {
    bodies.iter().map(Vec::as_slice).collect()
}

async fn drained(connection: &mut Connection, statement: &Statement) -> Result<Vec<String>> {
    let mut rows = connection.run(statement, &[]).await?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next().await? {
        let mut cells = Vec::new();
        for value in row.values() {
            let (column, value) = value?;
            cells.push(match value {
                None => "NULL".to_owned(),
                Some(value) => match column.integer(value) {
                    Some(number) => format!("{}={number}", column.name),
                    None => format!("{}={}", column.name, String::from_utf8_lossy(value).escape_debug()),
                },
            });
        }
        texts.push(cells.join(" "));
    }
    assert!(rows.has_ended());
    Ok(texts)
}

#[tokio::test]
async fn rows_survive_every_split() {
    for old in [false, true] {
        let offered = if old { ours() - CapabilityFlags::CLIENT_DEPRECATE_EOF } else { ours() };
        let prepared = sent(1, &[&[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
        let bytes = sent(1, &refs(&result(old)));
        for split in 0..=bytes.len() {
            let (mut connection, mut theirs) = connected(offered, &prepared).await;
            let statement = connection.prepare("SELECT").await.unwrap();
            theirs.write_all(&bytes[..split]).await.unwrap();
            let reading = tokio::spawn(async move {
                let texts = drained(&mut connection, &statement).await;
                (texts, connection.execute("DO 1").await)
            });
            tokio::task::yield_now().await;
            theirs.write_all(&bytes[split..]).await.unwrap();
            theirs.write_all(&sent(1, &[OK])).await.unwrap();
            let (texts, after) = reading.await.unwrap();
            let texts = texts.unwrap();
            assert_eq!(texts[0], "small=-1 big=18446744073709551615 at=\u{fffd}\\u{7}\\u{1}\\u{2} text=abc");
            assert_eq!(texts[1], "small=-128 NULL NULL text=");
            after.unwrap();
        }
    }
}

/// A connection that has prepared a statement, with `bodies` as the answer to running it.
async fn answering(bodies: &[Vec<u8>]) -> (Connection, Statement, UnixStream) {
    let prepared = sent(1, &[&[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
    let (mut connection, mut theirs) = connected(ours(), &prepared).await;
    let statement = connection.prepare("SELECT").await.unwrap();
    theirs.write_all(&sent(1, &refs(bodies))).await.unwrap();
    (connection, statement, theirs)
}

fn left(error: &Error) -> bool {
    error.message().contains("left in the middle")
}

#[tokio::test]
async fn an_error_instead_of_rows_leaves_a_connection_that_is_good() {
    let (mut connection, statement, mut theirs) = answering(&[FAILURE.to_vec()]).await;
    let error = connection.run(&statement, &[]).await.unwrap_err();
    assert_eq!((crate::client::mysql::code(&error), error.message()), (Some(1149), "no such table"));
    theirs.write_all(&sent(1, &[OK])).await.unwrap();
    connection.ping().await.unwrap();
}

#[tokio::test]
async fn nobody_reads_rows_of_others() {
    // An error in the middle is an end.
    let mut failing = result(false);
    let end = failing.len() - 1;
    failing[end] = FAILURE.to_vec();
    let (mut connection, statement, mut theirs) = answering(&failing).await;
    let error = drained(&mut connection, &statement).await.unwrap_err();
    assert_eq!(error.message(), "no such table");
    theirs.write_all(&sent(1, &[OK])).await.unwrap();
    connection.ping().await.unwrap();
    drop(connection);
    assert!(said(theirs).await.ends_with(&sent(0, &[&[1]])), "no goodbye");
    // A cut answer, and rows that are dropped.
    for length in 0..result(false).len() {
        let (mut connection, statement, mut theirs) = answering(&result(false)[..length]).await;
        theirs.shutdown().await.unwrap();
        let error = drained(&mut connection, &statement).await.unwrap_err();
        assert!(error.message().contains("server closed the connection"), "{error}");
        assert!(left(&connection.execute("DO 1").await.unwrap_err()));
    }
    let (mut connection, statement, theirs) = answering(&result(false)).await;
    let mut rows = connection.run(&statement, &[]).await.unwrap();
    rows.next().await.unwrap().expect("a row");
    drop(rows);
    assert!(left(&connection.ping().await.unwrap_err()));
    drop(connection);
    assert!(!said(theirs).await.ends_with(&sent(0, &[&[1]])), "goodbye in the middle");
    // A future that is dropped while it waits.
    let (mut connection, statement, _theirs) = answering(&[]).await;
    assert!(futures::FutureExt::now_or_never(connection.run(&statement, &[])).is_none());
    assert!(left(&connection.ping().await.unwrap_err()));
}

#[tokio::test]
async fn answers_that_no_server_gives_are_refused() {
    let with = |at: usize, body: &[u8]| {
        let mut bodies = result(false);
        bodies[at] = body.to_vec();
        bodies
    };
    for (bodies, part) in [
        (with(0, b"\xfb/etc/passwd"), "a file of this machine"),
        (with(0, &[0xfc, 0, 0]), "no answer to a statement"),
        (with(0, &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]), "no answer to a statement"),
        (with(0, &[]), "no answer to a statement"),
        (with(0, &[0, 0, 0, 10, 0, 0, 0]), "more than one result"),
        (with(0, &[0, 0, 0, 2]), "a short end"),
        (with(1, b"\x03def"), "no definition of a column"),
        (with(1, &column("x", 0x30, 0)), "no definition of a column"),
        (with(5, b"\x01\x00"), "a short row"),
        (with(5, b"\x00"), "a short row"),
        (with(5, &[]), "a short row"),
        (with(5, b"\x00\x18"), "a short row"),
        (with(5, b"\x00\x18\x80\x05abcd"), "a short row"),
        (with(5, b"\x00\x18\x80\xfe\xff\xff\xff\xff\xff\xff\xff\xffabcd"), "a short row"),
        (with(5, b"\x00\x18\x80\x00more"), "a long row"),
        (with(5, b"\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x0dabcdefghijklm\x00"), "a short row"),
        (with(7, &[0xfe, 0, 0, 10, 0, 0, 0]), "more than one result"),
    ] {
        let (mut connection, statement, _theirs) = answering(&bodies).await;
        let error = drained(&mut connection, &statement).await.expect_err(part);
        assert!(error.message().contains(part), "{part}: {error}");
        assert!(error.kind() == ErrorKind::Unavailable, "{error:?}");
    }
}

#[tokio::test]
async fn values_go_beside_the_statement() {
    let prepared = sent(1, &[&[0, 9, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0]]);
    let definitions: Vec<_> = (0..9).map(|_| column("?", 253, 0)).collect();
    let prepared = [prepared, sent(2, &refs(&definitions)), sent(1, &[OK])].concat();
    let (mut connection, theirs) = connected(ours(), &prepared).await;
    let statement = connection.prepare("SELECT").await.unwrap();
    let long = "y".repeat(300);
    let mut values = vec![Value::Null; 9];
    values[1] = Value::Integer(-2);
    values[2] = Value::Text(Cow::Borrowed("é"));
    values[3] = Value::Bytes(&[0xff]);
    values[8] = Value::Text(Cow::Borrowed(&long));
    assert!(connection.run(&statement, &[]).await.is_err());
    let rows = connection.run(&statement, &values).await.unwrap();
    assert!(rows.has_ended() && rows.columns().is_empty());
    connection.forget(statement).await.unwrap();
    drop(connection);
    let mut run = b"\x17\x09\0\0\0\0\x01\0\0\0\xf1\0\x01".to_vec();
    for kind in [6, 8, 253, 252, 6, 6, 6, 6, 253] {
        run.extend([kind, 0]);
    }
    run.extend((-2_i64).to_le_bytes());
    run.extend("\u{2}é\u{1}".as_bytes());
    run.push(0xff);
    run.extend([0xfc, 44, 1]);
    run.extend(long.as_bytes());
    let commands = [&b"\x16SELECT"[..], &run, b"\x19\x09\0\0\0", b"\x01"];
    let expected: Vec<u8> = commands.iter().flat_map(|body| sent(0, &[body])).collect();
    assert_eq!(said(theirs).await, expected);
}

#[tokio::test]
async fn long_statements_go_in_parts_and_rows_of_text_are_passed_over() {
    let huge = vec![b'z'; FULL + 1];
    let row = [&[0xfe][..], &(huge.len() as u64).to_le_bytes(), &huge].concat();
    for (length, second) in [(FULL - 1, 0), (FULL + 9, 10)] {
        let (mut connection, mut theirs) = connected(ours(), &[]).await;
        // Numbers 0 and 1 are ours.
        let bodies: [&[u8]; 6] = [&[1], &column("t", 253, 0), &row[..FULL], &row[FULL..], b"\xfb", END];
        let answer = sent(2, &bodies);
        let serving = tokio::spawn(async move {
            let mut heard = vec![0; length + 1 + 8];
            theirs.read_exact(&mut heard).await.unwrap();
            theirs.write_all(&answer).await.unwrap();
            heard
        });
        connection.execute(&"x".repeat(length)).await.unwrap();
        let heard = serving.await.unwrap();
        assert_eq!(heard[..5], [0xff, 0xff, 0xff, 0, 3]);
        assert_eq!(heard[FULL + 4..FULL + 8], [second, 0, 0, 1]);
    }
}

#[tokio::test]
async fn a_password_is_encrypted_with_the_servers_key_where_that_is_wanted() {
    let pem = rsa::PEM.as_bytes();
    let answers = [b"\x01", pem].concat();
    for (key, asked, bodies) in [
        (PublicKey::Asked, true, vec![&[1, 4][..], &answers, OK]),
        (PublicKey::Given(pem.to_vec()), false, vec![&[1, 4][..], OK]),
    ] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut link = Link::new(Stream::Unix(ours), "there".into());
        for (at, body) in bodies.iter().enumerate() {
            theirs.write_all(&sent(2 * at as u8, &[body])).await.unwrap();
        }
        auth::login(&mut link, Method::CachingSha2, *NONCE, &pa55(key), false).await.unwrap();
        drop(link);
        let said = said(theirs).await;
        let (asking, secret) = said.split_at(said.len() - 4 - 128);
        assert_eq!(asking, if asked { sent(1, &[&[2]]) } else { Vec::new() });
        assert_eq!(secret[..4], [128, 0, 0, if asked { 3 } else { 1 }]);
    }
    // What is no key, and one that nobody asked for.
    for (bodies, part) in
        [(vec![&[1, 4][..], b"\x01none"], "public key cannot be used"), (vec![&answers[..]], "out of turn")]
    {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut link = Link::new(Stream::Unix(ours), "there".into());
        for (at, body) in bodies.iter().enumerate() {
            theirs.write_all(&sent(2 * at as u8, &[body])).await.unwrap();
        }
        let login = pa55(PublicKey::Asked);
        let error = auth::login(&mut link, Method::CachingSha2, *NONCE, &login, false).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(part), "{error:?}");
    }
}

#[tokio::test]
async fn rows_are_skipped_up_to_an_end_or_an_error() {
    let mut failing = result(false);
    let end = failing.len() - 1;
    failing[end] = FAILURE.to_vec();
    for (bodies, most, usable) in [
        (result(false), 1000, true),
        (failing, 1000, true),
        (result(false), 3, false),
        (result(false)[..6].to_vec(), 1000, false),
    ] {
        let (mut connection, statement, mut theirs) = answering(&bodies).await;
        let mut rows = connection.run(&statement, &[]).await.unwrap();
        rows.expect_much();
        rows.next().await.unwrap().expect("a row");
        drop(rows);
        if bodies.len() == 6 {
            theirs.shutdown().await.unwrap();
        } else {
            theirs.write_all(&sent(1, &[OK])).await.unwrap();
        }
        assert_eq!(connection.skip_rest(most).await, usable);
        assert_eq!(connection.is_busy(), !usable);
        assert_eq!(connection.ping().await.is_ok(), usable);
    }
}

#[tokio::test]
async fn a_late_kill_is_taken_up() {
    let killed = b"\xff\x25\x05#70100Query execution was interrupted";
    for (answers, ends_well) in [
        (vec![OK], true),
        (vec![&killed[..], OK], true),
        (vec![FAILURE], false),
        (vec![killed, killed], false),
    ] {
        let (mut connection, mut theirs) = connected(ours(), &[]).await;
        let serving = tokio::spawn(async move {
            for answer in answers {
                let mut heard = [0; 4 + 5];
                theirs.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard[4..], *b"\x03DO 0");
                theirs.write_all(&sent(1, &[answer])).await.unwrap();
            }
        });
        assert_eq!(connection.settle().await.is_ok(), ends_well);
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn bytes_are_counted_and_versions_known() {
    let received = std::sync::Arc::default();
    let (mut connection, mut theirs) = connected(ours(), &[]).await;
    connection.count_into(&received);
    theirs.write_all(&sent(1, &[OK])).await.unwrap();
    connection.ping().await.unwrap();
    assert_eq!(received.load(std::sync::atomic::Ordering::Relaxed), 4 + OK.len() as u64);
    let version = connection.version().unwrap();
    assert_eq!((version.maria, version.number), (true, (10, 11, 14)));
}
