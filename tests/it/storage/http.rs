//! As much HTTP/1.1 as the tests and their proxy need, over plain sockets.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request or an answer as it came, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// First line and headers, with the empty line.
    pub(crate) head: Vec<u8>,
    /// What follows, with the marks of chunks if it came in chunks.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads one message; none at the end of the connection. `bodiless`: the answer to HEAD.
    pub(crate) fn read(from: &mut impl BufRead, bodiless: bool) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        loop {
            let before = head.len();
            if from.read_until(b'\n', &mut head)? == 0 {
                return if before == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if head[before..] == *b"\r\n" {
                break;
            }
        }
        let mut message = Self { head, body: Vec::new() };
        let answer = message.head.starts_with(b"HTTP/");
        if bodiless || answer && matches!(message.status(), 204 | 304) {
            return Ok(Some(message));
        }
        if message.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            read_chunks(from, &mut message.body)?;
        } else if let Some(length) = message.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            message.body.resize(length, 0);
            from.read_exact(&mut message.body)?;
        } else if answer {
            from.read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// The `n`-th word of the first line.
    fn word(&self, n: usize) -> &str {
        let line = self.head.split(|b| *b == b'\r').next().unwrap_or_default();
        std::str::from_utf8(line).unwrap_or_default().split(' ').nth(n).unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.word(0)
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.word(1)
    }

    /// Status code of an answer; 0 if it is none.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        to.write_all(&self.body)?;
        to.flush()
    }
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let start = body.len();
        from.read_until(b'\n', body)?;
        let line = String::from_utf8_lossy(&body[start..]).trim().to_owned();
        let digits = line.split(';').next().unwrap_or_default();
        let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
        // The data and its line end; after the last chunk only a line end.
        from.by_ref().take(length + 2).read_to_end(body)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// An answer with its body as the server meant it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The contents of every `<tag>` in the body, with XML entities replaced.
    pub(crate) fn tags(&self, tag: &str) -> Vec<String> {
        tags(&self.text(), tag)
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self
    }
}

/// The contents of every `<tag>` of a text, with XML entities replaced.
pub(crate) fn tags(text: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split(&close).next())
        .map(|value| {
            value.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", "\"").replace("&amp;", "&")
        })
        .collect()
}

/// One request to a loopback port.
pub(crate) fn send(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // HTTP/1.0, so that no answer comes in chunks.
    let mut text = format!("{method} {target} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n", body.len());
    (&stream).write_all(text.as_bytes())?;
    (&stream).write_all(body)?;
    let message = Message::read(&mut BufReader::new(&stream), method == "HEAD")?
        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    Ok(Answer { status: message.status(), body: message.body })
}

/// A path, percent-encoded but for its slashes.
pub(crate) fn encoded(path: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~/".contains(b);
    path.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
