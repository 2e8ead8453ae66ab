//! Finds pieces of a secret in a text, however its bytes are written there.

use std::collections::HashSet;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A piece of that many bytes gives a secret away.
const PIECE: usize = 12;

/// What bytes a text may stand for.
type Way = fn(&[u8]) -> Vec<Vec<u8>>;

/// Every piece of a secret.
pub(super) struct Needles(HashSet<[u8; PIECE]>);

impl Needles {
    pub(super) fn of(secret: &str) -> Self {
        let lines: Vec<&str> = secret.lines().filter(|line| !line.starts_with("-----")).collect();
        let bare = lines.concat();
        let mut pieces = HashSet::new();
        for text in
            [secret.replace("-----", "").as_bytes(), bare.as_bytes(), &decoded_base64(bare.as_bytes())]
        {
            // The first words of a key in PEM are the same in all keys.
            let skipped = if lines.len() > 1 { 40 } else { 0 };
            for piece in text.get(skipped..).unwrap_or_default().windows(PIECE) {
                pieces.insert(piece.try_into().unwrap());
            }
        }
        // `PRIVATE KEY` at the end.
        pieces.retain(|piece: &[u8; PIECE]| !piece.windows(4).any(|word| word == b" KEY" || word == b"VATE"));
        assert!(pieces.len() > 12, "too short a secret");
        Self(pieces)
    }

    /// The way in which a piece is written in `text`; none if there is none.
    pub(super) fn found_in(&self, text: &[u8]) -> Option<String> {
        let ways: [(&str, Way); 6] = [
            ("as it is", |text| vec![text.to_vec()]),
            ("escaped", |text| vec![unescaped(text)]),
            ("percent-encoded", |text| vec![percent_decoded(text)]),
            ("as a list of numbers", numbers),
            ("as hex", hex),
            ("as base64", base64_runs),
        ];
        for (name, way) in ways {
            for bytes in way(text) {
                let found = bytes.windows(PIECE).position(|piece| self.0.contains(piece));
                if let Some(at) = found {
                    let around = &bytes[at.saturating_sub(60)..(at + PIECE).min(bytes.len())];
                    return Some(format!("{name}: ...{}...", String::from_utf8_lossy(around).escape_debug()));
                }
            }
        }
        None
    }
}

/// Without backslashes: what JSON and Rust's debug form write before quotes and others.
fn unescaped(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| *byte != b'\\').collect()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// `45, 45, 66` and `45,45,66`.
fn numbers(text: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let mut lists = vec![Vec::new()];
    for word in text.split([',', '[', ']']) {
        match word.trim().parse::<u8>() {
            Ok(byte) => lists.last_mut().unwrap().push(byte),
            Err(_) => lists.push(Vec::new()),
        }
    }
    lists.retain(|list| list.len() >= PIECE);
    lists
}

fn runs(text: &[u8], is_part: impl Fn(u8) -> bool, least: usize) -> Vec<Vec<u8>> {
    text.split(|byte| !is_part(*byte)).filter(|run| run.len() >= least).map(<[u8]>::to_vec).collect()
}

fn hex(text: &[u8]) -> Vec<Vec<u8>> {
    let value = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    let mut found = Vec::new();
    for run in runs(text, |byte| byte.is_ascii_hexdigit(), 2 * PIECE) {
        for from in 0..2 {
            found
                .push(run[from..].chunks_exact(2).map(|pair| value(pair[0]) * 16 + value(pair[1])).collect());
        }
    }
    found
}

fn base64_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    let mut found = Vec::new();
    for run in runs(text, is_part, 16) {
        for from in 0..4 {
            found.push(decoded_base64(&run[from..]));
        }
    }
    found
}

/// As much as there are whole groups of four digits.
fn decoded_base64(digits: &[u8]) -> Vec<u8> {
    let standard: Vec<u8> = digits
        .iter()
        .map(|digit| match digit {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .filter(|digit| *digit != b'=')
        .collect();
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    engine.decode(&standard[..standard.len() / 4 * 4]).unwrap_or_default()
}

#[test]
fn the_search_finds_a_secret_however_it_is_written() {
    let secret = "jK3vQ8xW1mZ6tR9bN4cF7gH2dS5pL0yT";
    let needles = Needles::of(secret);
    let bytes = secret.as_bytes();
    let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for text in [
        format!("error: {secret} is wrong"),
        format!("error: {}", &secret[7..19]),
        format!("illegal section start: [{}]", list.join(", ")),
        format!("[{}]", list.join(",")),
        format!("{{\"x\":\"{}\\n{}\"}}", &secret[..4], &secret[4..18]).replace('n', ""),
        format!("digest {hex}"),
        format!("at {percent}"),
        base64(secret),
        base64(&format!("u:{secret}")),
        base64(&format!("me:{secret}")),
    ] {
        assert!(needles.found_in(text.as_bytes()).is_some(), "{text}");
    }
    for text in [secret[..11].to_owned(), hex[..22].to_owned(), list[..11].join(", "), String::new()] {
        assert!(needles.found_in(text.as_bytes()).is_none(), "{text}");
    }
}
