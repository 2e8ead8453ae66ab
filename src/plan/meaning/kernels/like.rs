//! LIKE and ILIKE, over texts and bytes.

use arrow::array::ArrayRef;
use memchr::memmem::Finder;

use super::letters::lower_into;
use super::rows::{Result, bytes, texts, to_bool, wrong};

const BACKSLASH: char = '\\';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `_`
    One,
    /// `%`
    Many,
    /// An escape character that nothing follows.
    Dangling,
}

/// A pattern, taken apart.
struct Pattern {
    tokens: Vec<Token>,
    /// What is between the `%`, where there is nothing but bytes.
    pieces: Option<Pieces>,
    is_text: bool,
}

struct Pieces {
    first: Vec<u8>,
    middle: Vec<Finder<'static>>,
    /// None for a pattern without `%`.
    last: Option<Vec<u8>>,
}

impl Pattern {
    fn of_text(pattern: &str, escape: Option<char>) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars();
        let mut buffer = [0; 4];
        while let Some(c) = rest.next() {
            let literal = match c {
                _ if Some(c) == escape => rest.next(),
                '_' => {
                    tokens.push(Token::One);
                    continue;
                }
                '%' => {
                    tokens.push(Token::Many);
                    continue;
                }
                _ => Some(c),
            };
            match literal {
                None => tokens.push(Token::Dangling),
                Some(c) => tokens.extend(c.encode_utf8(&mut buffer).bytes().map(Token::Byte)),
            }
        }
        Self::of(tokens, true)
    }

    fn of_bytes(pattern: &[u8]) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern.iter();
        while let Some(byte) = rest.next() {
            tokens.push(match byte {
                b'\\' => rest.next().map_or(Token::Dangling, |byte| Token::Byte(*byte)),
                b'_' => Token::One,
                b'%' => Token::Many,
                _ => Token::Byte(*byte),
            });
        }
        Self::of(tokens, false)
    }

    fn of(tokens: Vec<Token>, is_text: bool) -> Self {
        Self { pieces: Pieces::of(&tokens), tokens, is_text }
    }

    fn matches(&self, text: &[u8]) -> Result<bool> {
        match &self.pieces {
            Some(pieces) => Ok(pieces.matches(text)),
            None => self.walk(text),
        }
    }

    /// Looks at the pattern in PostgreSQL's order, because it raises its error only where it arrives at a
    /// [`Token::Dangling`].
    fn walk(&self, text: &[u8]) -> Result<bool> {
        let (mut at, mut next) = (0, 0);
        let mut retry = None;
        while at < text.len() {
            match self.tokens.get(next) {
                Some(Token::Byte(byte)) if text.get(at) == Some(byte) => (at, next) = (at + 1, next + 1),
                Some(Token::One) => (at, next) = (self.after(text, at), next + 1),
                Some(Token::Many) => {
                    while let Some(token @ (Token::Many | Token::One)) = self.tokens.get(next) {
                        if *token == Token::One {
                            if at >= text.len() {
                                return Ok(false);
                            }
                            at = self.after(text, at);
                        }
                        next += 1;
                    }
                    match self.tokens.get(next) {
                        None => return Ok(true),
                        Some(Token::Dangling) => return Err(dangling()),
                        Some(_) => retry = Some((at, next)),
                    }
                }
                Some(Token::Dangling) => return Err(dangling()),
                Some(Token::Byte(_)) | None => match retry {
                    None => return Ok(false),
                    Some((from, pattern)) => {
                        (at, next) = (self.after(text, from), pattern);
                        retry = Some((at, pattern));
                    }
                },
            }
        }
        Ok(self.tokens.iter().skip(next).all(|token| *token == Token::Many))
    }

    /// Where the next character begins.
    fn after(&self, text: &[u8], at: usize) -> usize {
        let rest = text.get(at + 1..).unwrap_or_default();
        match self.is_text {
            true => at + 1 + rest.iter().take_while(|byte| **byte & 0xc0 == 0x80).count(),
            false => at + 1,
        }
    }
}

impl Pieces {
    fn of(tokens: &[Token]) -> Option<Self> {
        let mut pieces = vec![Vec::new()];
        for token in tokens {
            match token {
                Token::Byte(byte) => pieces.last_mut()?.push(*byte),
                Token::Many => pieces.push(Vec::new()),
                Token::One | Token::Dangling => return None,
            }
        }
        let last = if pieces.len() > 1 { pieces.pop() } else { None };
        let mut pieces = pieces.into_iter();
        let first = pieces.next()?;
        let middle = pieces.filter(|piece| !piece.is_empty()).map(|piece| Finder::new(&piece).into_owned());
        Some(Self { first, middle: middle.collect(), last })
    }

    fn matches(&self, text: &[u8]) -> bool {
        let Some(last) = &self.last else { return text == self.first };
        let inner =
            text.strip_prefix(self.first.as_slice()).and_then(|text| text.strip_suffix(last.as_slice()));
        let Some(mut rest) = inner else { return false };
        for piece in &self.middle {
            let Some(at) = piece.find(rest) else { return false };
            rest = rest.get(at + piece.needle().len()..).unwrap_or_default();
        }
        true
    }
}

fn dangling() -> arrow_schema::ArrowError {
    wrong("a LIKE pattern must not end with its escape character")
}

/// The escape character that a text says; none for no text.
fn escape_of(text: &str) -> Result<Option<char>> {
    let mut characters = text.chars();
    let escape = characters.next();
    match characters.next() {
        None => Ok(escape),
        Some(_) => Err(wrong(format!("the escape of LIKE is one character or none, not {text:?}"))),
    }
}

/// The pattern of each row, taken apart once for rows that have the same.
fn text_like(columns: &[ArrayRef], has_escape: bool, ignore_case: bool) -> Result<ArrayRef> {
    let (values, patterns) = (texts(columns, 0)?, texts(columns, 1)?);
    let escapes = if has_escape { Some(texts(columns, 2)?) } else { None };
    let mut known: Option<(&str, Option<char>, Pattern)> = None;
    let mut small = String::new();
    to_bool(columns, |row| {
        let source = patterns.value(row);
        let escape = escapes.map_or(Ok(Some(BACKSLASH)), |escapes| escape_of(escapes.value(row)))?;
        if known.as_ref().is_none_or(|(s, e, _)| (*s, *e) != (source, escape)) {
            known = Some((source, escape, compiled(source, escape, ignore_case)?));
        }
        let Some((_, _, pattern)) = &known else { return Ok(false) };
        if !ignore_case {
            return pattern.matches(values.value(row).as_bytes());
        }
        small.clear();
        lower_into(values.value(row), &mut small)?;
        pattern.matches(small.as_bytes())
    })
}

fn compiled(source: &str, escape: Option<char>, ignore_case: bool) -> Result<Pattern> {
    if !ignore_case {
        return Ok(Pattern::of_text(source, escape));
    }
    // The escape character is what it is: with backslashes for it, the rest can be made small.
    let mut plain = String::new();
    let mut rest = source.chars();
    while let Some(c) = rest.next() {
        let (escaped, c) = if Some(c) == escape { (true, rest.next()) } else { (c == BACKSLASH, Some(c)) };
        if escaped {
            plain.push(BACKSLASH);
        }
        plain.extend(c);
    }
    let mut small = String::new();
    lower_into(&plain, &mut small)?;
    Ok(Pattern::of_text(&small, Some(BACKSLASH)))
}

/// `text LIKE pattern`
pub(in crate::plan) fn like(columns: &[ArrayRef]) -> Result<ArrayRef> {
    text_like(columns, false, false)
}

/// `text LIKE pattern ESCAPE escape`
pub(in crate::plan) fn like_escape(columns: &[ArrayRef]) -> Result<ArrayRef> {
    text_like(columns, true, false)
}

/// `text ILIKE pattern`
pub(in crate::plan) fn ilike(columns: &[ArrayRef]) -> Result<ArrayRef> {
    text_like(columns, false, true)
}

/// `text ILIKE pattern ESCAPE escape`
pub(in crate::plan) fn ilike_escape(columns: &[ArrayRef]) -> Result<ArrayRef> {
    text_like(columns, true, true)
}

/// `bytea LIKE pattern`
pub(in crate::plan) fn like_bytes(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let (values, patterns) = (bytes(columns, 0)?, bytes(columns, 1)?);
    let mut known: Option<(&[u8], Pattern)> = None;
    to_bool(columns, |row| {
        let source = patterns.value(row);
        if known.as_ref().is_none_or(|(s, _)| *s != source) {
            known = Some((source, Pattern::of_bytes(source)));
        }
        known.as_ref().map_or(Ok(false), |(_, pattern)| pattern.matches(values.value(row)))
    })
}
