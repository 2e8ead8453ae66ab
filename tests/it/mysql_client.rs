//! The client for MySQL and MariaDB against a real MariaDB server.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lakexpress::client::mysql::{Connection, Kill, MysqlConfig, ServerMark, Value, code};
use lakexpress::client::{Address, Environment};
use lakexpress::error::{Error, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::mariadb::MariaDb;

/// The shared server's configuration with other keys.
fn config(server: &MariaDb, db: &str, keys: serde_json::Value) -> MysqlConfig {
    let mut info = server.info(db).as_object().unwrap().clone();
    info.extend(keys.as_object().unwrap().clone());
    let (id, kind) = ("it".into(), "mariadb".into());
    let address = Address::Entry { id, kind, info, database: None };
    MysqlConfig::from_address(&address, &Environment::default()).unwrap()
}

/// The rows of a statement; numbers as text.
async fn rows(
    connection: &mut Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<Vec<Vec<Option<Vec<u8>>>>, Error> {
    let statement = connection.prepare(sql).await?;
    let mut found = Vec::new();
    let mut rows = connection.run(&statement, values).await?;
    while let Some(row) = rows.next().await? {
        let mut cells = Vec::new();
        for value in row.values() {
            let (column, value) = value?;
            cells.push(value.map(|value| match column.integer(value) {
                Some(number) => number.to_string().into_bytes(),
                None => value.to_vec(),
            }));
        }
        found.push(cells);
    }
    connection.forget(statement).await?;
    Ok(found)
}

async fn one(connection: &mut Connection, sql: &str) -> String {
    let mut rows = rows(connection, sql, &[]).await.unwrap();
    String::from_utf8(rows.remove(0).remove(0).unwrap()).unwrap()
}

#[tokio::test]
async fn values_of_every_size_come_back() {
    let server = MariaDb::start_with(&["--max-allowed-packet=64M"]);
    server.create_db("sizes");
    let mut connection = config(&server, "sizes", json!({})).connect().await.unwrap();
    assert!(connection.server_version().contains("MariaDB"), "{}", connection.server_version());
    connection
        .execute("CREATE TABLE t (id BIGINT, body LONGBLOB, text LONGTEXT) CHARACTER SET utf8mb4")
        .await
        .unwrap();
    // Around the longest part of a packet, of which id, lengths and the rest of the row take some.
    let sizes = (16_777_180..16_777_220).step_by(13).chain([0, 1, 250, 251, 65_535, 65_536, 40_000_000]);
    let texts = ["", "é 𝄞 \0 \u{10ffff}", "'\\\"; -- ", "  ends in spaces  "];
    let insert = connection.prepare("INSERT INTO t VALUES (?, ?, ?)").await.unwrap();
    let select = connection.prepare("SELECT id, body, text FROM t WHERE id = ?").await.unwrap();
    for (at, size) in sizes.enumerate() {
        let id = i64::MIN + at as i64;
        let body: Vec<u8> = (0..size).map(|at: usize| (at * 31 % 255) as u8).collect();
        let text = texts[at % texts.len()];
        let values = [Value::Integer(id), Value::Bytes(&body), Value::Text(Cow::Borrowed(text))];
        assert!(connection.run(&insert, &values).await.unwrap().has_ended());
        let mut rows = connection.run(&select, &[Value::Integer(id)]).await.unwrap();
        let row = rows.next().await.unwrap().expect("the row");
        let cells: Vec<_> = row.values().map(|value| value.unwrap().1).collect();
        assert!(
            cells == [Some(&id.to_le_bytes()[..]), Some(body.as_slice()), Some(text.as_bytes())],
            "{size}"
        );
        assert!(rows.next().await.unwrap().is_none());
    }
    let nulls = [Value::Integer(i64::MAX), Value::Null, Value::Null];
    connection.run(&insert, &nulls).await.unwrap();
    let found = rows(&mut connection, "SELECT * FROM t WHERE id > 0", &[]).await.unwrap();
    assert_eq!(found, [[Some(i64::MAX.to_string().into_bytes()), None, None]]);
    // Too long for the server: it says so, or hangs up.
    let error = connection.execute(&format!("DO length('{}')", "x".repeat(70_000_000))).await.unwrap_err();
    match error.kind() {
        // Not worth another attempt.
        ErrorKind::Data => assert!(error.hints()[0].contains("max_allowed_packet"), "{error:?}"),
        kind => assert_eq!(kind, ErrorKind::Unavailable, "{error:?}"),
    }
}

#[tokio::test]
async fn many_rows_come_in_order_and_numbers_of_every_width() {
    let server = MariaDb::shared();
    server.create_db("client_rows");
    let mut connection = config(server, "client_rows", json!({})).connect().await.unwrap();
    let sql = "SELECT seq, CAST(seq AS char) FROM seq_1_to_200000";
    let statement = connection.prepare(sql).await.unwrap();
    assert_eq!(statement.columns().len(), 2);
    let mut rows_of = connection.run(&statement, &[]).await.unwrap();
    let mut count = 0_i128;
    while !rows_of.has_ended() {
        while let Some(row) = rows_of.next_read().unwrap() {
            count += 1;
            let cells: Vec<_> = row.values().map(Result::unwrap).collect();
            let (column, number) = cells[0];
            assert_eq!(column.integer(number.unwrap()), Some(count));
            assert_eq!(cells[1].1, Some(count.to_string().as_bytes()));
        }
        if !rows_of.has_ended() {
            rows_of.fill().await.unwrap();
        }
    }
    assert_eq!(count, 200_000);
    connection
        .execute(
            "CREATE TABLE n (a tinyint, b tinyint unsigned, c smallint, d mediumint, e mediumint unsigned, f int,
             g int unsigned, h bigint, i bigint unsigned, j year, k bit(9), l decimal(5,2), m date)",
        )
        .await
        .unwrap();
    connection
        .execute(
            "INSERT INTO n VALUES (-128, 255, -32768, -8388608, 16777215, -2147483648, 4294967295,
             -9223372036854775808, 18446744073709551615, 2155, 257, -1.5, '2026-11-29')",
        )
        .await
        .unwrap();
    let found = rows(&mut connection, "SELECT * FROM n", &[]).await.unwrap();
    let texts = ["-128", "255", "-32768", "-8388608", "16777215", "-2147483648", "4294967295"];
    let more = ["-9223372036854775808", "18446744073709551615", "2155", "\u{1}\u{1}", "-1.50"];
    for (cell, text) in found[0].iter().zip(texts.iter().chain(&more)) {
        assert_eq!(cell.as_deref(), Some(text.as_bytes()), "{text}");
    }
    assert_eq!(found[0][12].as_deref(), Some(&[0xea, 7, 11, 29][..]));
}

#[tokio::test]
async fn errors_have_the_servers_number_and_leave_a_good_connection() {
    let server = MariaDb::shared();
    server.create_db("client_errors");
    let mut connection = config(server, "client_errors", json!({})).connect().await.unwrap();
    for (sql, number) in [("SELECT * FROM nowhere", 1146), ("SELEC", 1064), ("SELECT 1; SELECT 2", 1064)] {
        let error = connection.execute(sql).await.unwrap_err();
        assert_eq!((code(&error), error.kind()), (Some(number), ErrorKind::Data), "{error:?}");
        let error = rows(&mut connection, sql, &[]).await.unwrap_err();
        assert_eq!(code(&error), Some(number), "{error:?}");
        connection.ping().await.unwrap();
    }
    // An error among the rows.
    let sql = "SELECT seq, IF(seq < 50000, 1, (SELECT 1 UNION SELECT seq)) FROM seq_1_to_60000";
    let error = rows(&mut connection, sql, &[]).await.unwrap_err();
    assert_eq!(code(&error), Some(1242), "{error:?}");
    connection.ping().await.unwrap();
    let error = connection.execute("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error:?}");
    connection.ping().await.unwrap();
}

#[tokio::test]
async fn statements_and_connections_are_killed_by_number() {
    let server = MariaDb::shared();
    server.create_db("client_killed");
    let config = config(server, "client_killed", json!({}));
    let mut killer = config.connect().await.unwrap();
    let mut connection = config.connect().await.unwrap();
    let id = connection.id();
    assert_eq!(one(&mut connection, "SELECT connection_id()").await, id.to_string());
    let sleeping =
        tokio::spawn(
            async move { (connection.execute("CREATE TABLE slept SELECT sleep(60)").await, connection) },
        );
    let running = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE id = {id} AND info LIKE '%sleep%'"
    );
    while one(&mut killer, &running).await != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    killer.execute(&format!("KILL QUERY {id}")).await.unwrap();
    let (ended, mut connection) = sleeping.await.unwrap();
    assert_eq!(code(&ended.unwrap_err()), Some(1317));
    connection.ping().await.unwrap();
    killer.execute(&format!("KILL {id}")).await.unwrap();
    let error = connection.execute("DO 1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(connection.ping().await.unwrap_err().message().contains("left in the middle"));
}

#[tokio::test]
async fn a_guard_ends_the_statement_of_its_own_connection() {
    let server = MariaDb::shared();
    server.create_db("client_guard");
    let of = Arc::new(config(server, "client_guard", json!({})));
    let guard = |config: &Arc<MysqlConfig>, mark: &ServerMark| {
        Kill::arm(Arc::clone(config), mark.clone(), tokio::runtime::Handle::current())
    };
    let mut connection = of.connect().await.unwrap();
    let mark = connection.mark().await.unwrap();
    assert_eq!(mark.id(), u64::from(connection.id()));

    // Rows that nobody reads any more: the connection and its view survive.
    connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await.unwrap();
    let endless = "SELECT seq, repeat('x', 1000) FROM seq_1_to_1000000000";
    let statement = connection.prepare(endless).await.unwrap();
    let mut rows = connection.run(&statement, &[]).await.unwrap();
    rows.expect_much();
    rows.next().await.unwrap().expect("a row");
    drop(rows);
    assert!(connection.is_busy());
    assert!(connection.recover(guard(&of, &mark), 1 << 30).await.unwrap());
    assert_eq!(one(&mut connection, "SELECT @@in_transaction").await, "1");
    assert!(connection.recover(guard(&of, &mark), 0).await.unwrap(), "nothing is left");
    connection.execute("COMMIT").await.unwrap();

    // Nothing runs; another database, another server: nobody is asked to end anything.
    assert!(!guard(&of, &mark).send().await.unwrap());
    let mut watching = of.connect().await.unwrap();
    let sleeping =
        tokio::spawn(
            async move { (connection.execute("CREATE TABLE slept SELECT sleep(60)").await, connection) },
        );
    let running = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE id = {} AND info LIKE '%sleep%'",
        mark.id()
    );
    while one(&mut watching, &running).await != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!guard(&Arc::new(config(server, "mysql", json!({}))), &mark).send().await.unwrap());
    let other = MariaDb::start_with(&[]);
    other.create_db("client_guard");
    assert!(!guard(&Arc::new(config(&other, "client_guard", json!({}))), &mark).send().await.unwrap());
    let mut harmless = guard(&of, &mark);
    harmless.disarm();
    drop(harmless);
    assert_eq!(one(&mut watching, &running).await, "1");

    // A guard that is dropped.
    drop(guard(&of, &mark));
    let (ended, mut connection) = sleeping.await.unwrap();
    assert_eq!(code(&ended.unwrap_err()), Some(1317));
    connection.settle().await.unwrap();
}

/// A server counts, and logs, those that leave without a word.
async fn says_goodbye(config: &MysqlConfig, watching: &mut Connection) {
    let aborted = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
    let connection = config.connect().await.unwrap();
    let id = connection.id();
    let before = rows(watching, aborted, &[]).await.unwrap();
    drop(connection);
    let there = format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id}");
    while one(watching, &there).await != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows(watching, aborted, &[]).await.unwrap(), before);
}

async fn refused(config: &MysqlConfig) -> Error {
    config.connect().await.expect_err("no login")
}

#[tokio::test]
async fn logins_by_every_way_in() {
    let server = MariaDb::shared();
    server.create_db("client_logins");
    server.sql(
        "mysql",
        "INSTALL SONAME 'auth_ed25519';
         CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('n4tive');
         CREATE USER nothing@'%';
         CREATE USER edwards@'%' IDENTIFIED VIA ed25519 USING PASSWORD('3dwards');
         GRANT ALL ON client_logins.* TO native@'%', nothing@'%', edwards@'%'",
    );
    let login = |keys| config(server, "client_logins", keys);
    let native = json!({ "username": "native", "password": "n4tive" });
    login(native.clone()).connect().await.unwrap();
    login(json!({ "username": "nothing", "password": "" })).connect().await.unwrap();
    let socket = server.socket();
    let by_socket =
        json!({ "username": "native", "password": "n4tive", "server": socket, "sslmode": "verify-full" });
    let mut connection = login(by_socket).connect().await.unwrap();
    let user = one(
        &mut connection,
        "SELECT concat(current_user(), ' ', database(), ' ', @@character_set_connection)",
    );
    assert_eq!(user.await, "native@% client_logins utf8mb4");
    for (keys, kind, part) in [
        (json!({ "username": "native", "password": "wr0ng" }), ErrorKind::Denied, "'native'@"),
        (json!({ "username": "nobody" }), ErrorKind::Denied, "'nobody'@"),
        (
            json!({ "username": "edwards", "password": "3dwards" }),
            ErrorKind::Config,
            "by client_ed25519, which is not",
        ),
        (json!({ "database": "no such" }), ErrorKind::Config, "no such"),
        (json!({ "server": "/nowhere/socket" }), ErrorKind::Unavailable, "/nowhere/socket"),
        (json!({ "sslmode": "require" }), ErrorKind::Config, "the server has no TLS"),
        (json!({ "port": crate::server::free_port() }), ErrorKind::Unavailable, "cannot connect"),
    ] {
        let error = refused(&login(keys)).await;
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error:?}");
        let shown = format!("{error:?}");
        assert!(!shown.contains("wr0ng") && !shown.contains("3dwards"), "{shown}");
    }
}

/// An authority's certificate, and the certificate and key of a server of that name, in files.
fn certificates(dir: &Path, name: &str) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the authority");
    let key = KeyPair::generate().unwrap();
    fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.into()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(dir.join("server.pem"), certificate.pem()).unwrap();
    fs::write(dir.join("server.key"), key.serialize_pem()).unwrap();
    // The server runs as another user when the tests run as root.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn tls_is_what_sslmode_says() {
    let files = TempDir::new().unwrap();
    let path = |name: &str| files.path().join(name).display().to_string();
    certificates(files.path(), "db.example.org");
    let server = MariaDb::start_with(&[
        &format!("--ssl-cert={}", path("server.pem")),
        &format!("--ssl-key={}", path("server.key")),
    ]);
    server.create_db("tls");
    let other = TempDir::new().unwrap();
    certificates(other.path(), "db.example.org");
    let other = other.path().join("ca.pem");
    let login = |keys| config(&server, "tls", keys);
    let mut watching = login(json!({})).connect().await.unwrap();
    for (keys, is_encrypted) in [
        (json!({ "sslmode": "disable" }), false),
        (json!({ "sslmode": "prefer" }), true),
        (json!({ "sslmode": "require" }), true),
        (json!({ "sslmode": "require", "sslrootcert": path("ca.pem") }), true),
        (json!({ "sslmode": "verify-ca", "sslrootcert": path("ca.pem") }), true),
        // Not over a socket.
        (json!({ "server": server.socket(), "sslmode": "require" }), false),
    ] {
        let mut connection = login(keys.clone()).connect().await.unwrap();
        assert_eq!(connection.is_encrypted(), is_encrypted, "{keys}");
        let cipher = rows(&mut connection, "SHOW STATUS LIKE 'Ssl_cipher'", &[]).await.unwrap();
        assert_eq!(cipher[0][1].as_ref().is_some_and(|name| !name.is_empty()), is_encrypted, "{keys}");
        drop(connection);
        says_goodbye(&login(keys), &mut watching).await;
    }
    for (keys, kind, part) in [
        (json!({ "sslmode": "verify-ca", "sslrootcert": other }), ErrorKind::Config, "no TLS connection"),
        // Whoever has a list of authorities wants it heeded, as with PostgreSQL.
        (json!({ "sslmode": "require", "sslrootcert": other }), ErrorKind::Config, "no TLS connection"),
        (json!({ "sslmode": "prefer", "sslrootcert": other }), ErrorKind::Config, "no TLS connection"),
        (json!({ "sslmode": "verify-ca" }), ErrorKind::Config, "needs sslrootcert"),
        (
            json!({ "sslmode": "verify-full", "sslrootcert": path("ca.pem") }),
            ErrorKind::Config,
            "no TLS connection",
        ),
        (
            json!({ "sslmode": "verify-ca", "sslrootcert": path("server.key") }),
            ErrorKind::Config,
            "no certificate in PEM",
        ),
        (json!({ "sslmode": "prefer", "sslrootcert": path("none") }), ErrorKind::Config, "cannot be read"),
    ] {
        let error = refused(&login(keys)).await;
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error:?}");
    }
    certificates(files.path(), "127.0.0.1");
    server.sql("mysql", "FLUSH SSL");
    let full = login(json!({ "sslmode": "verify-full", "sslrootcert": path("ca.pem") }));
    assert!(full.connect().await.unwrap().is_encrypted());
    // A value of several records.
    let mut connection = full.connect().await.unwrap();
    assert_eq!(one(&mut connection, "SELECT length(repeat('x', 3000000))").await, "3000000");
    let repeated = one(&mut connection, "SELECT repeat('xy', 1500000)").await;
    assert!(repeated == "xy".repeat(1_500_000));
}
