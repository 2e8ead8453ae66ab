//! The client for PostgreSQL's protocol against a real server: logins, statements, COPY, cancel, and bad news.

use std::time::{Duration, Instant};

use lakexpress::client::password::Secret;
use lakexpress::client::postgres::{Connection, CopyOut, PostgresConfig, sqlstate};
use lakexpress::client::{Address, Environment};
use lakexpress::error::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::PgServer;

fn config(server: &PgServer) -> PostgresConfig {
    let url = url::Url::parse(&server.url("postgres")).unwrap();
    PostgresConfig::from_address(&Address::Url(url), &Environment::default()).unwrap()
}

async fn connect(server: &PgServer) -> Connection {
    Connection::connect(&config(server)).await.unwrap()
}

/// Length of all payloads, their number, and the server's count.
async fn drain(copy: &mut CopyOut) -> Result<(u64, u64, u64)> {
    let (mut bytes, mut messages) = (0, 0);
    loop {
        while let Some(payload) = copy.next_message()? {
            bytes += payload.len() as u64;
            messages += 1;
        }
        if let Some(rows) = copy.ended() {
            return Ok((bytes, messages, rows));
        }
        copy.fill().await?;
    }
}

fn seen(error: &Error) -> (ErrorKind, Option<&str>) {
    (error.kind(), sqlstate(error))
}

#[tokio::test]
async fn statements_and_their_errors() {
    let server = PgServer::shared();
    let mut connection = connect(server).await;
    assert!(connection.server_version_num() >= 120_000, "{}", connection.server_version());
    assert_eq!(connection.parameter("client_encoding"), Some("UTF8"));
    assert!(!connection.is_encrypted());

    let rows = connection.query("SELECT 1, NULL, '', 'Ä'; SET work_mem = '4MB'").await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        [rows[0].get(0), rows[0].get(1), rows[0].get(2), rows[0].get(3)],
        [Some("1"), None, Some(""), Some("Ä")]
    );
    assert!(rows[0].required(1).is_err());
    assert!(connection.query("").await.unwrap().is_empty());
    assert_eq!(connection.query("SELECT 1; SELECT 2 UNION SELECT 3").await.unwrap().len(), 2);
    assert!(connection.query("SELECT 1\0").await.is_err());

    connection.execute("BEGIN; SAVEPOINT s").await.unwrap();
    let error = connection.query("SELECT * FROM no_such_table").await.unwrap_err();
    assert_eq!(seen(&error), (ErrorKind::Data, Some("42P01")));
    assert!(error.message().contains("does not exist (any more)"), "{error}");
    connection.execute("ROLLBACK TO s").await.unwrap();
    let error = connection.query("SELECT 1; SELECT 1/0; SELECT 2").await.unwrap_err();
    assert_eq!(seen(&error), (ErrorKind::Data, Some("22012")));
    let error = connection.query("SELECT 1").await.unwrap_err();
    assert_eq!(sqlstate(&error), Some("25P02"));
    connection.execute("ROLLBACK").await.unwrap();
    assert_eq!(seen(&connection.query("SELEC 1").await.unwrap_err()), (ErrorKind::Data, Some("42601")));

    connection.execute("COPY (SELECT 1) TO STDOUT").await.unwrap();
    connection.execute("CREATE TEMP TABLE t (a int)").await.unwrap();
    assert!(connection.execute("COPY t FROM STDIN").await.is_err());
    connection.execute("DO $$ BEGIN RAISE NOTICE 'x'; END $$; SET TimeZone = 'Europe/Paris'").await.unwrap();
    assert_eq!(connection.parameter("TimeZone"), Some("Europe/Paris"));
    let name = connection.query("SHOW application_name").await.unwrap();
    assert_eq!(name[0].get(0), Some("lakexpress"));
    connection.close().await;
}

#[tokio::test]
async fn a_statement_given_up_does_not_answer_the_next() {
    let mut connection = connect(PgServer::shared()).await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), connection.query("SELECT pg_sleep(1)"));
    assert!(given_up.await.is_err());
    let error = connection.query("SELECT 2").await.unwrap_err();
    assert!(error.message().contains("middle of a statement"), "{error}");
}

#[tokio::test]
async fn copy_counts_and_gives_the_connection_back() {
    let mut connection = connect(PgServer::shared()).await;
    for rows in [0, 1, 2, 100_000] {
        let sql = format!("COPY (SELECT i FROM generate_series(1, {rows}) i) TO STDOUT (FORMAT binary)");
        let mut copy = connection.copy_out(&sql).await.unwrap();
        // Signature, flags and extension (sent with the first row), 10 bytes a row, trailer.
        assert_eq!(drain(&mut copy).await.unwrap(), (19 + 10 * rows + 2, rows + 1, rows));
        connection = copy.into_connection().unwrap();
    }
    // One message much larger than the buffer, between small ones.
    let sql = "COPY (SELECT repeat('x', n) FROM unnest(ARRAY[1, 100000000, 2]) n) TO STDOUT (FORMAT binary)";
    let mut copy = connection.copy_out(sql).await.unwrap();
    assert_eq!(drain(&mut copy).await.unwrap().2, 3);
    connection = copy.into_connection().unwrap();
    assert_eq!(connection.query("SELECT 1").await.unwrap()[0].get(0), Some("1"));

    let error = connection.copy_out("SELECT 1").await.unwrap_err();
    assert!(error.message().contains("where a COPY begins"));
    let connection = connect(PgServer::shared()).await;
    let error = connection.copy_out("COPY absent TO STDOUT").await.unwrap_err();
    assert_eq!(seen(&error), (ErrorKind::Data, Some("42P01")));
}

#[tokio::test]
async fn copy_that_fails_half_way_is_an_error() {
    let sql = "COPY (SELECT 1 / (50000 - i) FROM generate_series(1, 100000) i) TO STDOUT (FORMAT binary)";
    let mut copy = connect(PgServer::shared()).await.copy_out(sql).await.unwrap();
    assert_eq!(seen(&drain(&mut copy).await.unwrap_err()), (ErrorKind::Data, Some("22012")));
    assert!(copy.ended().is_none());
    assert!(copy.into_connection().is_err());
}

#[tokio::test]
async fn cancel_and_kill() {
    let server = PgServer::shared();
    // In the select list, so that the server sends rows as it makes them.
    let endless = "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT (FORMAT binary)";
    let mut copy = connect(server).await.copy_out(endless).await.unwrap();
    copy.fill().await.unwrap();
    let token = copy.cancel_token();
    // The server hears of it although its socket to us is full and we do not read.
    token.cancel().await.unwrap();
    assert_eq!(seen(&drain(&mut copy).await.unwrap_err()), (ErrorKind::Unavailable, Some("57014")));

    let mut connection = connect(server).await;
    let pid = connection.query("SELECT pg_backend_pid()").await.unwrap()[0].required(0).unwrap().to_owned();
    let mut copy = connection.copy_out(endless).await.unwrap();
    server.sql("postgres", &format!("SELECT pg_terminate_backend({pid})"));
    assert_eq!(drain(&mut copy).await.unwrap_err().kind(), ErrorKind::Unavailable);

    let mut connection = connect(server).await;
    let pid = connection.query("SELECT pg_backend_pid()").await.unwrap()[0].required(0).unwrap().to_owned();
    server.sql("postgres", &format!("SELECT pg_terminate_backend({pid})"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        seen(&connection.query("SELECT 1").await.unwrap_err()),
        (ErrorKind::Unavailable, Some("57P01"))
    );
}

#[tokio::test]
async fn logins_of_every_kind() {
    let hba = "host all trusted 127.0.0.1/32 trust\nhost all scram 127.0.0.1/32 scram-sha-256\n\
        host all md5 127.0.0.1/32 md5\nhost all clear 127.0.0.1/32 password\n\
        host all ident 127.0.0.1/32 gss\nhost all postgres 127.0.0.1/32 trust";
    let server = PgServer::start_with(&[], hba);
    server.sql(
        "postgres",
        "CREATE ROLE trusted LOGIN; CREATE ROLE scram LOGIN PASSWORD 'p''w'; CREATE ROLE clear LOGIN PASSWORD 'p''w';
         CREATE ROLE ident LOGIN; SET password_encryption = md5; CREATE ROLE md5 LOGIN PASSWORD 'p''w';
         CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
    );
    let mut config = config(&server);
    for user in ["trusted", "scram", "md5", "clear"] {
        config.user = user.into();
        config.password = Some(Secret::new("p'w"));
        let mut connection = Connection::connect(&config).await.unwrap();
        assert_eq!(connection.query("SELECT session_user").await.unwrap()[0].get(0), Some(user));
        if user == "trusted" {
            continue;
        }
        config.password = Some(Secret::new("hunter2"));
        let error = Connection::connect(&config).await.unwrap_err();
        assert_eq!(seen(&error), (ErrorKind::Denied, Some("28P01")), "{error:?}");
        assert!(error.message().contains(user) && error.message().contains("127.0.0.1"), "{error}");
        assert!(error.hints()[0].contains("password") && !format!("{error:?}").contains("hunter2"));
        config.password = None;
        let error = Connection::connect(&config).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("none is given"), "{error:?}");
    }
    config.user = "nobody".into();
    assert_eq!(Connection::connect(&config).await.unwrap_err().kind(), ErrorKind::Denied);
    config.user = "ident".into();
    let error = Connection::connect(&config).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && !error.hints().is_empty(), "{error:?}");
    config.user = "trusted".into();
    config.database = "absent".into();
    let error = Connection::connect(&config).await.unwrap_err();
    assert_eq!(seen(&error), (ErrorKind::Config, Some("3D000")), "{error:?}");
    assert!(error.hints()[0].contains("--source-db-name"));
    config.database = "closed".into();
    assert_eq!(seen(&Connection::connect(&config).await.unwrap_err()), (ErrorKind::Denied, Some("42501")));

    config = PostgresConfig::new(server.socket_dir().to_str().unwrap(), "postgres", "postgres");
    config.port = server.port();
    let mut connection = Connection::connect(&config).await.unwrap();
    assert_eq!(connection.query("SELECT inet_client_addr()").await.unwrap()[0].get(0), None);
    connection.cancel_token().cancel().await.unwrap();
}

#[tokio::test]
async fn servers_that_are_not_there() {
    let check = async |host: &str, port: u16, word: &str| {
        let mut config = PostgresConfig::new(host, "u", "d");
        (config.port, config.connect_timeout) = (port, Duration::from_secs(1));
        let started = Instant::now();
        let error = Connection::connect(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains(&config.server()) || word == "unexpected", "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(!error.hints().is_empty() && started.elapsed() < Duration::from_secs(8), "{error:?}");
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    check("127.0.0.1", port, "in time").await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 99]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    check("127.0.0.1", port, "unexpected").await;
    check("127.0.0.1", crate::server::free_port(), "cannot connect").await;
    check("no-such-host.invalid", 5432, "cannot be resolved").await;
    check("/no/such/directory", 5432, "cannot connect").await;
}
