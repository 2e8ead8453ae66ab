//! A server whose bytes are given, for `fuzz/` and the test that feeds its seeds.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::frame::Frames;
use super::stream::Peer;
use super::{CancelToken, Connection, Statement, startup};
use crate::client::postgres::config::PostgresConfig;
use crate::client::transport::Stream;
use crate::client::{Address, Environment};
use crate::error::{Error, Result};

/// Stands for the nonce of the client, which a server has to repeat: as long as one.
const NONCE: &[u8] = b"@@@@@@@@@@@@@@@@@@@@@@@@";
/// No input takes longer, unless something waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the client takes to answer.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Logs in to a server that sends `data`, whatever it is asked, then runs a statement. The first byte says which of
/// the ways to log in are accepted, and which statement it is.
///
/// # Errors
/// Those of the client; Internal when it waits for ever.
pub fn server(data: &[u8]) -> Result<()> {
    let Some((choice, data)) = data.split_first() else { return Ok(()) };
    let binding = ["disable", "prefer", "require"][usize::from(choice % 3)];
    let text = format!("postgres://user:secret@localhost/db?sslmode=prefer&channel_binding={binding}");
    let url = url::Url::parse(&text).map_err(|error| Error::internal("URL").caused_by(error))?;
    let config = PostgresConfig::from_address(&Address::Url(url), &Environment::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime").caused_by(error))?;
    runtime.block_on(async {
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| Error::internal("no socket").caused_by(error))?;
        let client = async { talk(ours, &config, choice & 0x10 != 0).await };
        let both = async { tokio::join!(client, send(theirs, data)).0 };
        match crate::clock::timeout(PATIENCE, both).await {
            Ok(ended) => ended,
            Err(_) => Err(Error::internal("the client waits for ever")),
        }
    })
}

async fn talk(socket: UnixStream, config: &PostgresConfig, copies: bool) -> Result<()> {
    let stream = Stream::Unix(socket);
    let mut connection = Connection {
        cancel: CancelToken::new(config, Peer::Unix, false, None),
        stream,
        frames: Frames::for_startup(),
        output: bytes::BytesMut::new(),
        parameters: std::collections::BTreeMap::new(),
        statement: Statement { runs: true, cancel: None },
        received: std::sync::Arc::default(),
    };
    startup::start(&mut connection, config).await.map_err(|failure| failure.error)?;
    connection.server_version_num();
    if !copies {
        let rows = connection.query("SELECT 1").await?;
        rows.iter().for_each(|row| drop(row.required(0)));
        return Ok(());
    }
    let mut copy = connection.copy_out("COPY t TO STDOUT").await?;
    loop {
        while copy.next_message()?.is_some() {}
        if copy.ended().is_some() {
            return copy.into_connection().map(drop);
        }
        copy.fill().await?;
    }
}

/// Sends all, with the client's nonce where it has to be, and hangs up. What the client says is read and forgotten.
async fn send(socket: UnixStream, mut data: &[u8]) {
    let (mut from, mut to) = socket.into_split();
    let mut heard = Vec::new();
    while let Some(at) = data.windows(NONCE.len()).position(|part| part == NONCE) {
        if to.write_all(&data[..at]).await.is_err() {
            return;
        }
        let nonce = loop {
            if let Some(begin) = heard.windows(2).position(|part| part == b"r=")
                && let Some(nonce) = heard.get(begin + 2..begin + 2 + NONCE.len())
            {
                break nonce.to_vec();
            }
            match crate::clock::timeout(A_MOMENT, from.read_buf(&mut heard)).await {
                Ok(Ok(1..)) => {}
                // It said all that it has to say.
                Err(_) => break NONCE.to_vec(),
                _ => return,
            }
        };
        if to.write_all(&nonce).await.is_err() {
            return;
        }
        data = &data[at + NONCE.len()..];
    }
    let sent = to.write_all(data).await;
    drop(to);
    if sent.is_ok() {
        let mut rest = [0; 4096];
        while let Ok(1..) = from.read(&mut rest).await {}
    }
}
