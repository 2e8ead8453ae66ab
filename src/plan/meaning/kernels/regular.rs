//! Regular expressions: PostgreSQL's advanced ones and those of SIMILAR TO, as ones of the crate `regex`.
//!
//! Only whether a text matches is asked for, so greedy and lazy forms are the same. What is not certain to match the
//! same texts is refused, and so is what PostgreSQL calls invalid.

use std::fmt::Write;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::letters::{is_alphanumeric, lower_of, upper_of};

type Result<T> = std::result::Result<T, String>;

const MOST_NESTED: usize = 40;
const MOST_REPEATS: u32 = 255;
/// Of characters and classes with their repetitions. PostgreSQL has a limit of space, which is beyond this one.
const MOST_SIZE: usize = 1000;
/// Of a range in a case-insensitive pattern.
const MOST_IN_RANGE: u32 = 0x3000;

/// The members of classes under C.UTF-8, which are the same in every version for the first three.
const DIGIT: &str = "0-9";
const HEX_DIGIT: &str = "0-9A-Fa-f";
const BLANK: &str = r"\x20\t";
const SPACE: &str =
    r"\x09-\x0d\x20\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000}";
static ALPHANUMERIC: LazyLock<String> = LazyLock::new(|| members(is_alphanumeric));
static ALPHABETIC: LazyLock<String> =
    LazyLock::new(|| members(|c| is_alphanumeric(c) && !c.is_ascii_digit()));

/// What `text ~ pattern` searches for, or `text ~* pattern`.
pub(in crate::plan) fn regex(pattern: &str, ignore_case: bool) -> Result<Regex> {
    if pattern.starts_with("***") {
        return Err("the prefix *** is not taken".to_owned());
    }
    let mut parser =
        Parser { pattern: pattern.chars().collect(), at: 0, ignore_case, out: String::new(), nested: 0 };
    parser.alternatives()?;
    RegexBuilder::new(&parser.out).build().map_err(|_| "the pattern is too complex".to_owned())
}

/// What `text SIMILAR TO pattern` searches for. The escape character is a backslash where the statement does not say
/// another; none for `ESCAPE ''`.
pub(in crate::plan) fn similar(pattern: &str, escape: Option<char>) -> Result<Regex> {
    let mut plain = String::from("^(?:");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            _ if Some(c) == escape => match rest.next() {
                None => return Err("the pattern ends with its escape character".to_owned()),
                Some('"') => return Err("the separator of escape character and \" is not taken".to_owned()),
                Some(c) => plain.extend(['\\', c]),
            },
            '%' => plain.push_str(".*"),
            '_' => plain.push('.'),
            '(' => plain.push_str("(?:"),
            '\\' | '.' | '^' | '$' => plain.extend(['\\', c]),
            '[' => similar_bracket(&mut rest, escape, &mut plain)?,
            _ => plain.push(c),
        }
    }
    plain.push_str(")$");
    regex(&plain, false)
}

/// What follows `[`. Versions differ about brackets in brackets: taken is one class and nothing else.
fn similar_bracket(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    escape: Option<char>,
    plain: &mut String,
) -> Result<()> {
    plain.push('[');
    plain.extend(rest.next_if_eq(&'^'));
    if rest.next_if_eq(&'[').is_some() {
        plain.push('[');
        while let Some(c) = rest.next_if(|c| *c == ':' || c.is_ascii_alphabetic()) {
            plain.push(c);
        }
        for _ in 0..2 {
            rest.next_if_eq(&']').ok_or("a class among other things in brackets is not taken")?;
            plain.push(']');
        }
        return Ok(());
    }
    if rest.peek() == Some(&']') {
        return Err("a ] at the beginning of brackets is not taken".to_owned());
    }
    for c in rest {
        match c {
            '[' => return Err("a [ in brackets is not taken".to_owned()),
            '\\' | '^' => return Err(format!("a {c} in brackets is not taken")),
            _ if Some(c) == escape => return Err("the escape character in brackets is not taken".to_owned()),
            _ => plain.push(c),
        }
        if c == ']' {
            return Ok(());
        }
    }
    Err("brackets [] are not balanced".to_owned())
}

/// The members of a class, as a bracket expression has them.
fn members(is_member: impl Fn(char) -> bool) -> String {
    let mut ranges: Vec<(char, char)> = Vec::new();
    for c in '\0'..=char::MAX {
        if !is_member(c) {
            continue;
        }
        match ranges.last_mut() {
            Some((_, last)) if u32::from(*last) + 1 == u32::from(c) => *last = c,
            _ => ranges.push((c, c)),
        }
    }
    let mut text = String::new();
    for (first, last) in ranges {
        push_range(&mut text, first, last);
    }
    text
}

fn push_range(out: &mut String, first: char, last: char) {
    // Writing to a text does not fail.
    let _ = write!(out, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(first), u32::from(last));
}

/// What a backslash and what follows it are.
enum Escaped {
    Character(char),
    /// The members of a class, and whether the others are meant.
    Class(&'static str, bool),
    Begin,
    End,
}

struct Parser {
    pattern: Vec<char>,
    at: usize,
    ignore_case: bool,
    out: String,
    nested: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn next_if(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Until the end or the `)` of a group. The size of all, with repetitions.
    fn alternatives(&mut self) -> Result<usize> {
        let mut size = 0;
        loop {
            match self.peek() {
                None if self.nested == 0 => return Ok(size),
                None => return Err("parentheses () are not balanced".to_owned()),
                Some(')') if self.nested > 0 => return Ok(size),
                Some('|') => {
                    self.at += 1;
                    self.out.push('|');
                }
                Some(_) => size += self.piece()?,
            }
            if size > MOST_SIZE {
                return Err(format!(
                    "the pattern is too complex: more than {MOST_SIZE} characters with repetitions"
                ));
            }
        }
    }

    /// An atom with its quantifier, or a constraint.
    fn piece(&mut self) -> Result<usize> {
        let size = match self.next().unwrap_or_default() {
            '^' => return Ok(self.constraint(r"\A")),
            '$' => return Ok(self.constraint(r"\z")),
            c @ ('*' | '+' | '?') => return Err(format!("{c} has nothing to repeat")),
            '{' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                return Err("{ has nothing to repeat".to_owned());
            }
            ')' => return Err("parentheses () are not balanced".to_owned()),
            '(' => self.group()?,
            '[' => {
                self.bracket()?;
                1
            }
            '.' => {
                self.out.push_str("(?s:.)");
                1
            }
            '\\' => match self.escaped()? {
                Escaped::Begin => return Ok(self.constraint(r"\A")),
                Escaped::End => return Ok(self.constraint(r"\z")),
                Escaped::Character(c) => self.literal(c)?,
                Escaped::Class(members, others) => {
                    let not = if others { "^" } else { "" };
                    let _ = write!(self.out, "[{not}{members}]");
                    1
                }
            },
            c => self.literal(c)?,
        };
        Ok(size.max(1).saturating_mul(self.quantifier()?))
    }

    fn constraint(&mut self, text: &str) -> usize {
        self.out.push_str(text);
        1
    }

    fn group(&mut self) -> Result<usize> {
        if self.next_if('?') && !self.next_if(':') {
            return Err("(? is taken before : alone: no lookaround, no options, no comments".to_owned());
        }
        self.nested += 1;
        if self.nested > MOST_NESTED {
            return Err(format!("more than {MOST_NESTED} nested groups are not taken"));
        }
        self.out.push_str("(?:");
        let size = self.alternatives()?;
        self.at += 1;
        self.out.push(')');
        self.nested -= 1;
        Ok(size)
    }

    fn literal(&mut self, c: char) -> Result<usize> {
        let (small, capital) = self.cases(c)?;
        self.out.push('[');
        push_range(&mut self.out, small, small);
        push_range(&mut self.out, capital, capital);
        self.out.push(']');
        Ok(1)
    }

    /// The characters that a character of the pattern stands for.
    fn cases(&self, c: char) -> Result<(char, char)> {
        if !self.ignore_case {
            return Ok((c, c));
        }
        match (lower_of(c), upper_of(c)) {
            (Some(small), Some(capital)) if small == c || capital == c => Ok((small, capital)),
            _ => Err(format!("the cases of the character {c} are not certain")),
        }
    }

    /// How many times an atom can occur at least once.
    fn quantifier(&mut self) -> Result<usize> {
        let mut times = 1;
        match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(c);
            }
            Some('{') if self.peek_at(1).is_some_and(|c| c.is_ascii_digit()) => {
                self.at += 1;
                times = self.bounds()?;
            }
            _ => return Ok(1),
        }
        self.next_if('?');
        Ok(times)
    }

    fn bounds(&mut self) -> Result<usize> {
        let least = self.number()?;
        let most = match self.next_if(',') {
            false => Some(least),
            true if self.peek() == Some('}') => None,
            true => Some(self.number()?),
        };
        if !self.next_if('}') {
            return Err("braces {} are not balanced".to_owned());
        }
        if most.is_some_and(|most| most < least) {
            return Err("the bounds in {} are in the wrong order".to_owned());
        }
        let _ = match most {
            None => write!(self.out, "{{{least},}}"),
            Some(most) => write!(self.out, "{{{least},{most}}}"),
        };
        Ok(usize::try_from(most.unwrap_or(least + 1)).unwrap_or(usize::MAX).max(1))
    }

    fn number(&mut self) -> Result<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            let value = number.unwrap_or(0) * 10 + digit;
            if value > MOST_REPEATS {
                return Err(format!("more than {MOST_REPEATS} repetitions are invalid"));
            }
            number = Some(value);
        }
        number.ok_or_else(|| "braces {} hold something other than numbers".to_owned())
    }

    fn escaped(&mut self) -> Result<Escaped> {
        let Some(c) = self.next() else { return Err("the pattern ends with a backslash".to_owned()) };
        Ok(match c {
            'n' => Escaped::Character('\n'),
            't' => Escaped::Character('\t'),
            'r' => Escaped::Character('\r'),
            'f' => Escaped::Character('\u{c}'),
            'v' => Escaped::Character('\u{b}'),
            'a' => Escaped::Character('\u{7}'),
            'b' => Escaped::Character('\u{8}'),
            'e' => Escaped::Character('\u{1b}'),
            'B' => Escaped::Character('\\'),
            'u' => Escaped::Character(self.code_point(4)?),
            'U' => Escaped::Character(self.code_point(8)?),
            'x' => Escaped::Character(self.code_point_of_any_length()?),
            'd' => Escaped::Class(DIGIT, false),
            'D' => Escaped::Class(DIGIT, true),
            's' => Escaped::Class(SPACE, false),
            'S' => Escaped::Class(SPACE, true),
            'w' => Escaped::Class(word(), false),
            'W' => Escaped::Class(word(), true),
            'A' => Escaped::Begin,
            'Z' => Escaped::End,
            'm' | 'M' | 'y' | 'Y' => return Err(format!(r"\{c}, the border of a word, is not taken")),
            '0'..='9' => return Err(format!(r"\{c}, a back reference or an octal number, is not taken")),
            _ if c.is_ascii_alphabetic() => return Err(format!(r"the escape \{c} is not taken")),
            _ => Escaped::Character(c),
        })
    }

    fn code_point(&mut self, digits: usize) -> Result<char> {
        let mut number = String::new();
        for _ in 0..digits {
            number.extend(self.next().filter(char::is_ascii_hexdigit));
        }
        if number.len() < digits {
            Err("an escape has too few digits".to_owned())
        } else {
            code_point(&number)
        }
    }

    fn code_point_of_any_length(&mut self) -> Result<char> {
        let mut number = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_hexdigit) {
            self.at += 1;
            number.push(digit);
        }
        code_point(&number)
    }

    /// What follows `[`.
    fn bracket(&mut self) -> Result<()> {
        self.out.push('[');
        if self.next_if('^') {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.next().ok_or("brackets [] are not balanced")?;
            let first = match c {
                ']' if !is_first => break,
                '-' if !is_first && self.peek() != Some(']') => {
                    return Err("a - in brackets is neither first, nor last, nor in a range".to_owned());
                }
                '[' if self.peek() == Some(':') => {
                    let members = self.class()?;
                    self.add_class(members)?;
                    is_first = false;
                    continue;
                }
                '[' => self.open()?,
                '\\' => match self.escaped()? {
                    Escaped::Character(c) => c,
                    Escaped::Class(members, false) => {
                        self.add_class(members)?;
                        is_first = false;
                        continue;
                    }
                    _ => return Err("an escape in brackets is not taken".to_owned()),
                },
                c => c,
            };
            is_first = false;
            let last = match (self.peek(), self.peek_at(1)) {
                (Some('-'), Some(end)) if end != ']' => {
                    self.at += 2;
                    match end {
                        '[' => self.open()?,
                        '\\' => match self.escaped()? {
                            Escaped::Character(c) => c,
                            _ => return Err("a range ends with a class".to_owned()),
                        },
                        end => end,
                    }
                }
                _ => first,
            };
            self.range(first, last)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// A `[` that is a character: nothing that makes it more follows.
    fn open(&self) -> Result<char> {
        match self.peek() {
            Some(c @ ('.' | '=' | ':')) => Err(format!("[{c} in brackets is not taken")),
            _ => Ok('['),
        }
    }

    fn add_class(&mut self, members: &str) -> Result<()> {
        if self.peek() == Some('-') && self.peek_at(1) != Some(']') {
            return Err("a range begins with a class".to_owned());
        }
        self.out.push_str(members);
        Ok(())
    }

    /// The members of `[:name:]`, whose first character is behind.
    fn class(&mut self) -> Result<&'static str> {
        self.at += 1;
        let mut name = String::new();
        while let Some(c) = self.next().filter(|c| *c != ':') {
            name.push(c);
        }
        if !self.next_if(']') {
            return Err("a class in brackets has no end".to_owned());
        }
        Ok(match name.as_str() {
            "digit" => DIGIT,
            "xdigit" => HEX_DIGIT,
            "blank" => BLANK,
            "space" => SPACE,
            "alnum" => &ALPHANUMERIC,
            "alpha" => &ALPHABETIC,
            _ => return Err(format!("the class [:{name}:] is not taken")),
        })
    }

    fn range(&mut self, first: char, last: char) -> Result<()> {
        if first > last {
            return Err("a range in brackets is in the wrong order".to_owned());
        }
        push_range(&mut self.out, first, last);
        if !self.ignore_case {
            return Ok(());
        }
        if u32::from(last) - u32::from(first) > MOST_IN_RANGE {
            return Err("a long range in a case-insensitive pattern is not taken".to_owned());
        }
        for c in first..=last {
            let (small, capital) = self.cases(c)?;
            for case in [small, capital] {
                if !(first..=last).contains(&case) {
                    push_range(&mut self.out, case, case);
                }
            }
        }
        Ok(())
    }
}

fn code_point(digits: &str) -> Result<char> {
    let number = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    number.filter(|c| *c != '\0').ok_or_else(|| "an escape is no character".to_owned())
}

/// The members of `\w`.
fn word() -> &'static str {
    static WORD: LazyLock<String> = LazyLock::new(|| format!("{}_", *ALPHANUMERIC));
    &WORD
}
