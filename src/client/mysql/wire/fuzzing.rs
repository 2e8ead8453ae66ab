//! A server whose bytes are given, for `fuzz/` and the test that feeds its seeds.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::auth::{Login, PublicKey};
use super::find_values;
use super::row::Row;
use super::startup::{Encryption, log_in};
use super::statement::{Rows, Value};
use crate::client::mysql::config::MysqlConfig;
use crate::client::transport::Stream;
use crate::client::{Address, Environment};
use crate::error::{Error, Result};

/// No input takes longer, unless something waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Logs in to a server that sends `data`, whatever it is asked, then runs statements: the first byte says which.
///
/// # Errors
/// Those of the client; Internal when it waits for ever.
pub fn server(data: &[u8]) -> Result<()> {
    let Some((choice, data)) = data.split_first() else { return Ok(()) };
    let url = url::Url::parse("mysql://user:secret@localhost/db?sslmode=prefer")
        .map_err(|error| Error::internal("URL").caused_by(error))?;
    let config = MysqlConfig::from_address(&Address::Url(url), &Environment::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime").caused_by(error))?;
    runtime.block_on(async {
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| Error::internal("no socket").caused_by(error))?;
        let client = talk(ours, &config, *choice);
        let both = async { tokio::join!(client, send(theirs, data)).0 };
        match crate::clock::timeout(PATIENCE, both).await {
            Ok(ended) => ended,
            Err(_) => Err(Error::internal("the client waits for ever")),
        }
    })
}

/// With `ROWS` a statement has rows, which are read as text or with `FOUND` where they lie.
const ROWS: u8 = 0x10;
const FOUND: u8 = 0x20;

async fn talk(socket: UnixStream, config: &MysqlConfig, choice: u8) -> Result<()> {
    let login = Login { password: b"secret", server_key: PublicKey::Asked };
    let mut connection = log_in(Stream::Unix(socket), config, Encryption::Never, login).await?;
    let _ = connection.version();
    if choice & ROWS == 0 {
        connection.ping().await?;
        return connection.execute("SELECT 1").await;
    }
    let statement = connection.prepare("SELECT ?").await?;
    let mut rows = connection.run(&statement, &[Value::Text(Cow::Borrowed("a"))]).await?;
    if choice & FOUND != 0 {
        while !rows.has_ended() {
            while let Some(range) = rows.next_range()? {
                found(&rows, range)?;
            }
            if !rows.has_ended() {
                rows.fill().await?;
            }
        }
    }
    while let Some(row) = rows.next().await? {
        for value in row.values() {
            let (column, value) = value?;
            value.map(|value| (column.integer(value), column.bytes(value)));
        }
    }
    connection.forget(statement).await
}

/// Both ways to read a row find the same, or nothing.
fn found(rows: &Rows<'_>, range: Range<usize>) -> Result<()> {
    let body = &rows.buffer()[range];
    let mut values = Vec::new();
    let done = find_values(rows.columns(), body, |value| values.push(value.and_then(|at| body.get(at))));
    let same = match Row::of(rows.columns(), body) {
        None => done.is_err(),
        Some(row) => match row.values().collect::<Result<Vec<_>>>() {
            Ok(others) => done.is_ok() && others.iter().map(|(_, value)| *value).eq(values),
            Err(_) => done.is_err(),
        },
    };
    if same { done } else { Err(Error::internal("a row is read in two ways")) }
}

/// Sends all, and hangs up. What the client says is read and forgotten.
async fn send(socket: UnixStream, data: &[u8]) {
    let (mut from, mut to) = socket.into_split();
    let sent = to.write_all(data).await;
    drop(to);
    if sent.is_ok() {
        let mut rest = [0; 4096];
        while let Ok(1..) = from.read(&mut rest).await {}
    }
}
