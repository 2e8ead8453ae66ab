//! The one error type: a coarse kind that decides the exit code, a [`Code`] that names the trouble, a message, context
//! pairs and hints.
//!
//! Messages are lowercase without a full stop. Context is pairs (`table`, `part`, `column`, `path`).
//! Hints say what to change, in the words of the flag or key. The pages of the codes are in `codes/`.

mod bridge;
mod causes;
mod code;
mod codes;
mod hidden;
mod kind;
mod spill;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::{fmt, io};

use serde::Serialize;

pub use causes::{causes, with_causes};
pub use code::Code;
pub use codes::{AREAS, Area, Page, page, pages};
pub use hidden::{hide_values, values_are_hidden};
pub use kind::{ErrorKind, Transient};

use crate::{plain, secret};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to do when the process may not open more files.
pub(crate) const OPEN_FILES: &str =
    "raise the limit on open files: ulimit -n 1024 in the shell, LimitNOFILE=1024 in a systemd unit";

/// An error with kind, message, context pairs, hints and an optional cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    code: Option<Code>,
    message: String,
    context: Vec<(&'static str, String)>,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    transient: Option<Transient>,
}

impl Error {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: None,
            message: shown(message.into()),
            context: Vec::new(),
            hints: Vec::new(),
            source: None,
            transient: None,
        }))
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A configuration file or entry is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A server, network or disk is not usable now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Credentials or rights are missing.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// A value cannot be kept exactly, or stored data contradicts itself.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// A defect in this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Names the trouble. The first code stays: the innermost place knows best.
    #[must_use]
    pub fn coded(mut self, code: Code) -> Self {
        debug_assert!(
            is_for(code, self.0.kind),
            "{code} is not for errors of the kind {}: {}",
            self.0.kind.as_str(),
            self.0.message
        );
        self.0.code.get_or_insert(code);
        self
    }

    /// Takes over the code of another error, if that one has a specific code.
    #[must_use]
    pub fn code_of(self, other: &Self) -> Self {
        match other.specific() {
            Some(code) if is_for(code, self.0.kind) => self.coded(code),
            _ => self,
        }
    }

    /// Adds a context pair; the first value of a key wins, so the innermost place is kept.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        if !self.0.context.iter().any(|(k, _)| *k == key) {
            self.0.context.push((key, shown(value.to_string())));
        }
        self
    }

    /// Adds advice: what to change, in the words of the flag or key.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(plain::line(&hint.into()).into_owned());
        self
    }

    /// Adds the advice of another error.
    #[must_use]
    pub fn hints_of(mut self, other: &Self) -> Self {
        for hint in other.hints() {
            if !self.0.hints.contains(hint) {
                self.0.hints.push(hint.clone());
            }
        }
        self
    }

    /// Keeps the lower-level error as the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        // Any work may meet it, and the remedy is the same.
        let no_files = causes(&self).any(|cause| cause.to_string().contains("Too many open files"));
        if no_files && !self.0.hints.iter().any(|hint| hint == OPEN_FILES) {
            self.0.hints.insert(0, OPEN_FILES.to_owned());
        }
        if no_files && is_for(Code::SystemLimits, self.0.kind) {
            self.0.code = Some(Code::SystemLimits);
        }
        self
    }

    /// Keeps of an error that arose while a secret was read what kind of mistake it is, and nothing of its text.
    #[must_use]
    pub fn about_secret(self, source: &(dyn StdError + 'static)) -> Self {
        match secret::class(source) {
            Some(class) => self.caused_by(class),
            None => self,
        }
    }

    /// The same call may succeed a moment later.
    #[must_use]
    pub fn as_transient(mut self, why: Transient) -> Self {
        self.0.transient = Some(why);
        self
    }

    /// Nobody needs to try again: that has been done, or would not help.
    #[must_use]
    pub fn as_permanent(mut self) -> Self {
        self.0.transient = None;
        self
    }

    /// Why the same call may succeed a moment later, if it may.
    pub fn transient(&self) -> Option<Transient> {
        self.0.transient
    }

    /// The same error once more, for several who wait for one result. Causes become text.
    pub(crate) fn copied(&self) -> Self {
        let mut copy = Self::new(self.0.kind, self.0.message.clone());
        copy.0.code = self.specific();
        copy.0.context.clone_from(&self.0.context);
        copy.0.hints.clone_from(&self.0.hints);
        copy.0.transient = self.0.transient;
        match &self.0.source {
            Some(cause) => copy.caused_by(cause.to_string()),
            None => copy,
        }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What names the trouble: the code that was given, or that of an error of ours among the causes, or the general one
    /// of the kind.
    pub fn code(&self) -> Code {
        self.specific().unwrap_or_else(|| Code::of(self.0.kind))
    }

    /// The code without the general one.
    pub(crate) fn specific(&self) -> Option<Code> {
        self.0.code.or_else(|| {
            let mut ours = causes(self).filter_map(|cause| cause.downcast_ref::<Self>());
            ours.find_map(|cause| cause.0.code).filter(|code| is_for(*code, self.0.kind))
        })
    }

    /// The bare message, without context, cause or hints.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The context pairs in the order they were added.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The advice.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
}

/// One line: message, context in parentheses, then the causes.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (key, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{key} {value}", if i == 0 { " (" } else { ", " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        // What cannot be reached or is configured wrongly has no values.
        let about_data = matches!(self.0.kind, ErrorKind::Data | ErrorKind::Internal | ErrorKind::Usage);
        for error in causes(self) {
            if about_data && values_are_hidden() && may_quote(error) {
                return write!(f, ": {}", hidden::INSTEAD);
            }
            write!(f, ": {}", shown(error.to_string()))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.as_str())?;
        for hint in &self.0.hints {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

/// Whether errors of `kind` may have the code.
fn is_for(code: Code, kind: ErrorKind) -> bool {
    page(code).is_some_and(|page| page.kinds.contains(&kind))
}

/// What may be shown of a text: no secret, nothing that a terminal obeys, one line. An error joins words of ours and
/// of others, which nobody can tell apart later, so that this happens to all of it.
fn shown(text: String) -> String {
    let text = secret::in_text(text);
    match plain::line(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

/// Whether the text of a cause may quote a value: what libraries say about data may. The system's words do not.
fn may_quote(cause: &(dyn StdError + 'static)) -> bool {
    let is_of_system = cause.downcast_ref::<io::Error>().is_some_and(|error| error.get_ref().is_none());
    !is_of_system && !cause.is::<Error>()
}

/// Serialises an error as two keys, its one-line text and its code, both null where there is none:
/// `#[serde(flatten, serialize_with = "with_code")]`.
///
/// # Errors
/// Those of the serializer.
pub fn with_code<S: serde::Serializer>(error: &Option<Error>, to: S) -> std::result::Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Coded {
        error: Option<String>,
        error_code: Option<String>,
    }
    let error = error.as_ref();
    let error_code = error.map(|error| error.code().to_string());
    Coded { error: error.map(ToString::to_string), error_code }.serialize(to)
}
