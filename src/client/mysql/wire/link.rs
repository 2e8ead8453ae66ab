//! A socket, and the packets that go over it in both directions.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::packet::{ERROR, FULL, HEADER_BYTES, Packet, Packets};
use crate::client::mysql::problem::{self, ServerError};
use crate::client::network;
use crate::client::transport::Stream;
use crate::error::{Error, Result};

/// An output buffer that one huge value made larger than this is given back afterwards.
const KEEP_BYTES: usize = 1024 * 1024;

pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) packets: Packets,
    /// Room for a header, and the packet that is being written.
    pub(super) output: Vec<u8>,
    /// Where the socket goes, for messages.
    pub(super) server: String,
    /// Bytes received, of all connections that count into it.
    pub(super) received: Arc<AtomicU64>,
}

impl Link {
    pub(super) fn new(stream: Stream, server: String) -> Self {
        Self { stream, packets: Packets::for_login(), output: Vec::new(), server, received: Arc::default() }
    }

    /// Where a command is to be written.
    pub(super) fn command(&mut self, code: u8) -> &mut Vec<u8> {
        self.packets.restart();
        let output = self.answer();
        output.push(code);
        output
    }

    /// Where the next packet of a dialog is to be written.
    pub(super) fn answer(&mut self) -> &mut Vec<u8> {
        self.output.clear();
        self.output.extend_from_slice(&[0; HEADER_BYTES]);
        &mut self.output
    }

    /// Sends what was written.
    pub(super) async fn send(&mut self) -> Result<()> {
        let sent = self.write().await;
        if self.output.capacity() > KEEP_BYTES {
            self.output = Vec::new();
        }
        match sent {
            Ok(()) => Ok(()),
            Err(lost) => Err(self.last_words().await.unwrap_or_else(|| network::lost(lost, &self.server))),
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        let mut part = (self.output.len() - HEADER_BYTES).min(FULL);
        let mut end = HEADER_BYTES + part;
        self.output[..HEADER_BYTES].copy_from_slice(&self.packets.header(part));
        self.stream.write_all(&self.output[..end]).await?;
        // A part that is full is never the last.
        while part == FULL {
            part = (self.output.len() - end).min(FULL);
            self.stream.write_all(&self.packets.header(part)).await?;
            self.stream.write_all(&self.output[end..end + part]).await?;
            end += part;
        }
        Ok(())
    }

    /// Why the server ended the connection, if it said so before we tried to write.
    async fn last_words(&mut self) -> Option<Error> {
        let packet = self.receive().await.ok()?;
        match self.body(packet) {
            body @ [ERROR, ..] => Some(ServerError::parse(body).into_error()),
            _ => None,
        }
    }

    /// The next packet.
    pub(super) async fn receive(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = self.next()? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    /// The next packet if it is complete.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Packet>> {
        self.packets.next().map_err(|what| self.protocol(&what))
    }

    /// Reads more bytes from the socket.
    pub(super) async fn fill(&mut self) -> Result<()> {
        match self.packets.fill(&mut self.stream).await {
            Ok(0) => Err(network::closed(&self.server)),
            Ok(_) if self.packets.is_flooded() => {
                Err(self.protocol("more than 1 MiB before the login is done"))
            }
            Ok(count) => {
                self.received.fetch_add(count as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(network::lost(error, &self.server)),
        }
    }

    #[inline]
    pub(super) fn body(&self, packet: Packet) -> &[u8] {
        self.packets.body(packet)
    }

    /// The server said what no server says.
    pub(super) fn protocol(&self, what: &str) -> Error {
        problem::protocol(what).with("server", &self.server)
    }
}
