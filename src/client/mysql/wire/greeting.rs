//! The server's first packet, and what both sides can do.

use mysql_common::constants::CapabilityFlags;

use super::reader::Reader;

/// Bytes that a login is computed from, so that it is good once.
pub(super) const NONCE_BYTES: usize = 20;

/// The version of the protocol that all servers have spoken since MySQL 3.21.
const PROTOCOL: u8 = 10;

/// What the server says of itself. MySQL 5.7 and MariaDB 10 have all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) version: String,
    /// The connection's number, for `KILL`.
    pub(super) id: u32,
    pub(super) capabilities: CapabilityFlags,
    pub(super) nonce: [u8; NONCE_BYTES],
    /// The method of the server's default login.
    pub(super) method: Vec<u8>,
}

impl Greeting {
    /// Reads the packet. An error says what is not understood.
    pub(super) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(body);
        match reader.byte() {
            Some(PROTOCOL) => {}
            _ => return Err("it speaks another protocol"),
        }
        let greeting = Self::fields(reader).ok_or("its greeting is too short")?;
        let needed = CapabilityFlags::CLIENT_PROTOCOL_41
            | CapabilityFlags::CLIENT_SECURE_CONNECTION
            | CapabilityFlags::CLIENT_PLUGIN_AUTH;
        if greeting.capabilities.contains(needed) {
            Ok(greeting)
        } else {
            Err("the server is older than MySQL 5.7 and MariaDB 10")
        }
    }

    fn fields(mut reader: Reader<'_>) -> Option<Self> {
        let version = String::from_utf8_lossy(reader.until_zero()?).into_owned();
        let id = reader.u32()?;
        let first = reader.bytes(8)?;
        reader.byte()?;
        let low = reader.u16()?;
        // Collation (1), status (2).
        reader.bytes(3)?;
        let high = reader.u16()?;
        // Length of the whole nonce with its zero byte (1), reserved (10).
        let length = usize::from(reader.byte()?);
        reader.bytes(10)?;
        let rest = reader.bytes(length.saturating_sub(8).max(13))?;
        let nonce = [first, &rest[..NONCE_BYTES - 8]].concat().try_into().ok()?;
        // Some servers leave out the zero byte at its end.
        let method = reader.until_zero().unwrap_or(reader.0).to_vec();
        let capabilities = CapabilityFlags::from_bits_retain(u32::from(low) | u32::from(high) << 16);
        Some(Self { version, id, capabilities, nonce, method })
    }
}

/// What we can do. Not: send files of ours (`LOCAL_FILES`), several statements at once, compression.
///
/// `LONG_PASSWORD` is left out by MariaDB to say that it is MariaDB; then it must not come back either.
pub(super) fn ours() -> CapabilityFlags {
    CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_LONG_FLAG
        | CapabilityFlags::CLIENT_CONNECT_WITH_DB
        | CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
        | CapabilityFlags::CLIENT_DEPRECATE_EOF
}
