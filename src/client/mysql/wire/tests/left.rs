//! Answers that were left at every place, and what is read of them later.

use std::future::Future;

use super::super::connection::{COLUMNS, Phase};
use super::*;

const KILLED: &[u8] = b"\xff\x25\x05#70100Query execution was interrupted";

#[derive(Debug, Clone, Copy)]
enum Command {
    Execute,
    Prepare,
    Run,
}

const COMMANDS: [Command; 3] = [Command::Execute, Command::Prepare, Command::Run];

impl Command {
    async fn give(self, connection: &mut Connection, statement: &Statement) -> Result<()> {
        match self {
            Self::Execute => connection.execute("SELECT").await,
            Self::Prepare => connection.prepare("SELECT ?").await.map(drop),
            Self::Run => drained(connection, statement).await.map(drop),
        }
    }

    /// The whole answer, and in how many phases it is waited for.
    fn answer(self, old: bool) -> (Vec<Vec<u8>>, usize) {
        if !matches!(self, Self::Prepare) {
            let bodies = result(old);
            // Two rows and their end are one.
            let phases = bodies.len() - 2;
            return (bodies, phases);
        }
        let mut bodies = vec![vec![0, 8, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0]];
        for count in [3, 2] {
            bodies.extend((0..count).map(|_| column("?", 253, 0)));
            bodies.extend(old.then(|| OLD_END.to_vec()));
        }
        let phases = bodies.len();
        (bodies, phases)
    }
}

/// Polls until the socket has nothing more, then drops.
async fn dropped<T>(future: impl Future<Output = T>) -> Option<T> {
    let a_while = async {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = future => Some(done),
        () = a_while => None,
    }
}

/// A connection to a server of either protocol, and a statement of it.
async fn prepared(old: bool) -> (Connection, Statement, UnixStream) {
    let offered = if old { ours() - CapabilityFlags::CLIENT_DEPRECATE_EOF } else { ours() };
    let bytes = sent(1, &[&[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
    let (mut connection, theirs) = connected(offered, &bytes).await;
    let statement = connection.prepare("SELECT").await.unwrap();
    (connection, statement, theirs)
}

/// What is left of an answer after `split` bytes; or, when it is killed there, of the packet, and the error.
fn rest(bodies: &[Vec<u8>], split: usize, killed: bool) -> Vec<u8> {
    let bytes = sent(1, &refs(bodies));
    let mut end = 0;
    for (number, body) in (1..).zip(bodies) {
        if killed && end >= split {
            return [&bytes[split..end], &sent(number, &[KILLED])].concat();
        }
        end += 4 + body.len();
    }
    bytes[split..].to_vec()
}

async fn assert_usable(connection: &mut Connection, theirs: &mut UnixStream, what: &str) {
    theirs.write_all(&sent(1, &[OK])).await.unwrap();
    assert!(matches!(dropped(connection.ping()).await, Some(Ok(()))), "{what}");
}

#[tokio::test]
async fn an_answer_that_was_left_anywhere_is_read_to_its_end() {
    for (command, old) in COMMANDS.into_iter().flat_map(|command| [(command, false), (command, true)]) {
        let (bodies, phases) = command.answer(old);
        let bytes = sent(1, &refs(&bodies));
        let mut seen: Vec<Phase> = Vec::new();
        for (split, killed) in (0..bytes.len()).flat_map(|split| [(split, false), (split, true)]) {
            let what = format!("{command:?}, old: {old}, split: {split}, killed: {killed}");
            let (mut connection, statement, mut theirs) = prepared(old).await;
            theirs.write_all(&bytes[..split]).await.unwrap();
            assert!(dropped(command.give(&mut connection, &statement)).await.is_none(), "{what}");
            assert!(left(&connection.ping().await.unwrap_err()), "{what}");
            if !seen.contains(&connection.phase) {
                seen.push(connection.phase);
            }
            theirs.write_all(&rest(&bodies, split, killed)).await.unwrap();
            assert_eq!(dropped(connection.skip_rest(1000)).await, Some(true), "{what}");
            assert_usable(&mut connection, &mut theirs, &what).await;
        }
        assert_eq!(seen.len(), phases, "{command:?}, old: {old}: {seen:?}");
    }
}

#[tokio::test]
async fn skipping_can_be_left_and_taken_up_again() {
    for (command, old) in COMMANDS.into_iter().flat_map(|command| [(command, false), (command, true)]) {
        let what = format!("{command:?}, old: {old}");
        let bytes = sent(1, &refs(&command.answer(old).0));
        let (mut connection, statement, mut theirs) = prepared(old).await;
        assert!(dropped(command.give(&mut connection, &statement)).await.is_none(), "{what}");
        let mut ended = None;
        for byte in &bytes {
            assert_eq!(ended, None, "{what}");
            theirs.write_all(&[*byte]).await.unwrap();
            ended = dropped(connection.skip_rest(1000)).await;
        }
        assert_eq!(ended, Some(true), "{what}");
        assert_usable(&mut connection, &mut theirs, &what).await;
        // Definitions count as rows do; empty packets count too.
        theirs.write_all(&bytes[..20]).await.unwrap();
        assert!(dropped(command.give(&mut connection, &statement)).await.is_none(), "{what}");
        theirs.write_all(&bytes[20..]).await.unwrap();
        assert_eq!(dropped(connection.skip_rest(1)).await, Some(false), "{what}");
        assert!(left(&connection.ping().await.unwrap_err()), "{what}");
        assert_eq!(dropped(connection.skip_rest(1000)).await, Some(true), "{what}");
        assert_usable(&mut connection, &mut theirs, &what).await;
    }
    let (mut connection, statement, mut theirs) = answering(&result(false)[..5]).await;
    assert!(dropped(connection.run(&statement, &[])).await.is_some());
    let empty: [&[u8]; 100] = [&[]; 100];
    theirs.write_all(&sent(6, &empty)).await.unwrap();
    assert_eq!(dropped(connection.skip_rest(300)).await, Some(false));
}

#[tokio::test]
async fn a_command_that_was_not_sent_to_its_end_leaves_nothing_to_skip() {
    let (mut connection, mut theirs) = connected(ours(), &[]).await;
    let long = "x".repeat(FULL / 2);
    assert!(dropped(connection.execute(&long)).await.is_none());
    theirs.write_all(&sent(1, &[OK])).await.unwrap();
    assert_eq!(dropped(connection.skip_rest(1000)).await, Some(false));
    assert!(left(&connection.ping().await.unwrap_err()));
}

#[tokio::test]
async fn what_is_not_understood_while_skipping_leaves_a_connection_that_is_lost() {
    let many = u16::try_from(COLUMNS + 1).unwrap().to_le_bytes();
    // As the first answer to any other statement, it is an end.
    let columns: &[u8] = &[0, 9, 0, 0, 0, many[0], many[1], 0, 0, 0, 0, 0];
    let odd: [&[u8]; 8] = [
        &[],
        &[0],
        b"\xfb/etc/passwd",
        &[0xfc, many[0], many[1]],
        &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255],
        columns,
        b"\x03def",
        &[1; 20_000],
    ];
    for (command, old) in COMMANDS.into_iter().flat_map(|command| [(command, false), (command, true)]) {
        let (bodies, _) = command.answer(old);
        // All but rows, which are not looked into.
        let places = if matches!(command, Command::Prepare) { bodies.len() } else { bodies.len() - 3 };
        for (place, body) in (0..places).flat_map(|place| odd.map(|body| (place, body))) {
            if place == 0 && body == columns && !matches!(command, Command::Prepare) {
                continue;
            }
            let mut bodies = bodies.clone();
            bodies[place] = body.to_vec();
            let (mut connection, statement, mut theirs) = prepared(old).await;
            assert!(dropped(command.give(&mut connection, &statement)).await.is_none());
            theirs.write_all(&sent(1, &refs(&bodies))).await.unwrap();
            let usable = dropped(connection.skip_rest(1 << 20)).await;
            assert_eq!(usable, Some(false), "{command:?}, old: {old}, {place}: {body:?}");
            assert_eq!(connection.phase, Phase::Lost);
        }
        // Every byte, those of the headers too.
        let bytes = sent(1, &refs(&bodies));
        for (at, byte) in (0..bytes.len()).flat_map(|at| [0, 0xfe, 0xff].map(|byte| (at, byte))) {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            let (mut connection, statement, mut theirs) = prepared(old).await;
            assert!(dropped(command.give(&mut connection, &statement)).await.is_none());
            theirs.write_all(&bytes).await.unwrap();
            theirs.shutdown().await.unwrap();
            let usable = dropped(connection.skip_rest(1 << 20)).await;
            assert!(usable.is_some(), "{command:?}, old: {old}, {at}: {byte}");
            assert_eq!(usable, Some(!connection.is_busy()));
        }
    }
}
