//! S2, S9: a server that asks for the password out of turn, proves nothing, or never stops talking.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use lakexpress::client::postgres::{Binding, Connection, SslMode};
use lakexpress::error::{Error, ErrorKind};
use md5::{Digest, Md5};

use super::server::{PASSWORD, Script, Seen, USER, Until, authentication, client, message, start};
use super::{all_of_them, stopped};

/// The salt of MD5 questions.
const SALT: [u8; 4] = [1, 2, 3, 4];

/// What an honest server asks first.
const PLUS: &str = "an offer of SCRAM-SHA-256-PLUS";

/// Every question for the login that there is, some wrong, and every other message of the protocol, some that are not.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for method in (0..=13).chain([99, -1]) {
        let rest: &[u8] = match method {
            5 => &SALT,
            10 => b"SCRAM-SHA-256\0\0",
            11 => b"r=guess,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096",
            12 => b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            _ => b"",
        };
        all.push((format!("method {method}"), authentication(method, rest)));
    }
    all.push((PLUS.into(), authentication(10, b"SCRAM-SHA-256-PLUS\0\0")));
    all.push(("an empty offer".into(), authentication(10, b"\0")));
    all.push(("an error instead of a proof".into(), authentication(12, b"e=other-error")));
    all.push(("half a question".into(), message(b'R', &[0, 0])));
    for tag in *b"123ACDEGHIKNSTVWZcdnstvp\0\xff" {
        all.push((format!("message {:?}", char::from(tag)), message(tag, b"")));
        all.push((
            format!("message {:?} with a body", char::from(tag)),
            message(tag, b"SFATAL\0C28000\0Mno\0\0"),
        ));
    }
    for length in [0_u32, 3, 0x7fff_ffff, 0xffff_ffff] {
        all.push((format!("a length of {length}"), [&b"R"[..], &length.to_be_bytes()].concat()));
    }
    all
}

/// What the client did with a server: its error, and what it sent after the attack, over all connections it made.
async fn attacked(script: Script, sslmode: SslMode, binding: Binding) -> (Error, Vec<Seen>, Duration) {
    let query = script.until == Until::Query;
    let (port, mut seen) = start(script.clone()).await;
    let mut config = client(port, sslmode);
    config.channel_binding = binding;
    let begun = Instant::now();
    let error = match Connection::connect(&config).await {
        Ok(mut connection) if query => connection.query("SELECT 1").await.expect_err("an answer"),
        Ok(_) => panic!("it logged in: {script:?}, {sslmode}, {binding:?}"),
        Err(error) => error,
    };
    let took = begun.elapsed();
    let mut all = Vec::new();
    while let Ok(Some(one)) = tokio::time::timeout(Duration::from_millis(400), seen.recv()).await {
        all.push(one);
    }
    (error, all, took)
}

/// Neither the password nor what can be made of it was sent after the attack.
#[track_caller]
fn assert_kept(what: &str, error: &Error, seen: &[Seen]) {
    let md5 = |bytes: &[u8]| Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let inner = md5(format!("{PASSWORD}{USER}").as_bytes());
    let hash = md5(&[inner.as_bytes(), &SALT].concat());
    for one in seen {
        for secret in [PASSWORD, &hash] {
            let told = one.after.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!told, "{what}: the password went out: {error:?}");
        }
        // A cancel request or a goodbye is no answer; `p` carries passwords and proofs.
        assert_ne!(one.after.first(), Some(&b'p'), "{what}: it answered: {error:?}");
    }
    assert!(!format!("{error:?}").contains(PASSWORD), "{what}: {error:?}");
}

/// S2: with `channel_binding=require` the server in the middle that got the password with SASL chosen gets nothing,
/// nor does any other, at any step, whatever the binding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_no_message_out_of_turn_is_answered() {
    let steps = [Until::Startup, Until::Chosen, Until::Proved, Until::Final, Until::In, Until::Query];
    let ways = [
        (SslMode::Require, Binding::Require, true),
        (SslMode::Require, Binding::Prefer, true),
        (SslMode::Require, Binding::Disable, false),
        (SslMode::Disable, Binding::Prefer, false),
    ];
    let mut attacks = Vec::new();
    // All of them in `make verify-hostile`, the two that differ most otherwise.
    let ways = if all_of_them() { ways.to_vec() } else { vec![ways[0], ways[3]] };
    for (sslmode, binding, plus) in ways {
        for until in steps {
            // Nothing is wrong with being asked first, where no binding is demanded.
            let first = until == Until::Startup && binding != Binding::Require;
            for (name, attack) in messages() {
                let is_login =
                    attack.starts_with(b"R") && matches!(attack[5..], [0, 0, 0, 0 | 3 | 5 | 10, ..]);
                // The first question of an honest server with SCRAM.
                let is_plus = until == Until::Startup && name == PLUS;
                let is_next = is_plus || (until == Until::Final && name == "method 0") || (first && is_login);
                let is_answer = until == Until::Query && matches!(attack[0], b'T' | b'C' | b'I' | b'Z')
                    || until == Until::In && attack[0] == b'Z';
                if !is_next && !is_answer {
                    let script = Script { plus, until, attack, ..Script::default() };
                    attacks.push((
                        format!("{name} at {until:?}, {sslmode}, {binding:?}"),
                        script,
                        sslmode,
                        binding,
                    ));
                }
            }
        }
    }
    let count = attacks.len();
    let all = stream::iter(attacks).map(|(name, script, sslmode, binding)| async move {
        let (error, seen, took) = attacked(script, sslmode, binding).await;
        (name, error, seen, took)
    });
    // Few at once: each has its own deadline, and its server shares the processors.
    let mut all = std::pin::pin!(all.buffer_unordered(8));
    while let Some((name, error, seen, took)) = all.next().await {
        assert_kept(&name, &error, &seen);
        assert!(took < Duration::from_secs(6), "{name}: {took:?}");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Denied | ErrorKind::Unavailable | ErrorKind::Config | ErrorKind::Data
            ),
            "{name}: {error:?}"
        );
    }
    stopped("messages of the protocol out of turn", count);
}

/// The same server lets us in when it keeps to the protocol, in every mode.
#[tokio::test]
async fn s2_what_is_in_turn_is_answered() {
    for (tls, plus, sslmode, binding) in [
        (true, true, SslMode::Require, Binding::Require),
        (true, true, SslMode::Prefer, Binding::Prefer),
        (true, false, SslMode::Require, Binding::Disable),
        (false, false, SslMode::Prefer, Binding::Prefer),
        (false, false, SslMode::Disable, Binding::Disable),
    ] {
        let rows = [message(b'C', b"SELECT 0\0"), message(b'Z', b"I")].concat();
        let script = Script { tls, plus, until: Until::Query, attack: rows, ..Script::default() };
        let (port, _seen) = start(script).await;
        let mut config = client(port, sslmode);
        config.channel_binding = binding;
        let mut connection = Connection::connect(&config).await.unwrap();
        assert_eq!(connection.query("SELECT").await.unwrap().len(), 0);
    }
}

/// S2: whatever is done to TLS, a required binding is never given up.
#[tokio::test]
async fn s2_no_downgrade_of_tls_gets_the_password() {
    let mut count = 0;
    for sslmode in [
        SslMode::Disable,
        SslMode::Allow,
        SslMode::Prefer,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ] {
        for tls in [false, true] {
            for (name, attack) in [
                ("clear text", authentication(3, b"")),
                ("MD5", authentication(5, &SALT)),
                ("trust", authentication(0, b"")),
                ("SCRAM without binding", authentication(10, b"SCRAM-SHA-256\0\0")),
            ] {
                let script = Script { tls, attack, ..Script::default() };
                let (error, seen, _) = attacked(script, sslmode, Binding::Require).await;
                assert_kept(&format!("{name}, {sslmode}, tls {tls}"), &error, &seen);
                count += 1;
            }
        }
    }
    stopped("downgrades where a binding is required", count);
}

/// S9: few iterations, or very many, are not answered.
#[tokio::test]
async fn s9_iterations_have_bounds() {
    for iterations in [0, 1, 4095, 100_001, u32::MAX] {
        let script = Script { iterations, until: Until::Proved, ..Script::default() };
        let (error, _, took) = attacked(script, SslMode::Require, Binding::Prefer).await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{iterations}: {error:?}");
        assert!(took < Duration::from_secs(2), "{iterations}: {took:?}");
    }
    stopped("iterations out of bounds", 5);
}

/// S9: nothing that a server says without end fills the memory, neither before the login nor after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_a_server_that_never_stops_is_left() {
    const MOST: usize = 8 << 20;
    let parameter = |i: usize| message(b'S', format!("p{i}\0{}\0", "x".repeat(1000)).as_bytes());
    let parameters: Vec<u8> = (0..2_000).flat_map(parameter).collect();
    let notice = message(b'N', format!("SNOTICE\0M{}\0\0", "x".repeat(60_000)).as_bytes());
    let version = message(b'v', &[0; 60_000]);
    let huge = message(b'S', &vec![b'x'; 1 << 20]);
    let floods = [
        ("parameters", Until::Startup, parameters.clone(), 100),
        ("parameters in a login", Until::Chosen, parameters.clone(), 100),
        ("parameters after it", Until::In, parameters.clone(), 100),
        ("notices", Until::Startup, notice.clone(), 2_000),
        ("notices in a login", Until::Proved, notice, 2_000),
        ("versions", Until::Startup, version, 2_000),
        ("one huge parameter", Until::Startup, huge.clone(), 50),
        ("parameters for an answer", Until::Query, parameters, 100),
        ("huge parameters for an answer", Until::Query, huge, 50),
    ];
    let count = floods.len();
    for (name, until, attack, times) in floods {
        let script = Script { until, attack, times, ..Script::default() };
        let (error, seen, took) = attacked(script, SslMode::Require, Binding::Prefer).await;
        assert_kept(name, &error, &seen);
        assert!(error.message().contains("unexpected answer"), "{name}: {error:?}");
        let taken: usize = seen.iter().map(|one| one.taken).sum();
        assert!(taken < 2 * MOST && took < Duration::from_secs(4), "{name}: {taken} bytes in {took:?}");
    }
    stopped("floods of a server", count);
}
