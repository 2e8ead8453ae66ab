//! The causes of an error, as values and as text.

use std::error::Error as StdError;

/// The causes of `error`, the nearest first, without `error` itself.
pub fn causes<'a>(error: &'a (dyn StdError + 'a)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// `error` and its causes on one line. Many libraries repeat a cause in their own text: each is said once.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        cause: Option<Box<Self>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, below) = texts.split_first().expect("a text");
        let cause = (!below.is_empty()).then(|| Box::new(layers(below)));
        Layer { text, cause }
    }

    #[test]
    fn causes_come_nearest_first_and_are_said_once() {
        let error = layers(&["HTTP error: cannot connect", "cannot connect", "tcp", "connection refused"]);
        let all: Vec<String> = causes(&error).map(ToString::to_string).collect();
        assert_eq!(all, ["cannot connect", "tcp", "connection refused"]);
        assert_eq!(with_causes(&error), "HTTP error: cannot connect: tcp: connection refused");
        assert_eq!(with_causes(&layers(&["alone"])), "alone");
    }
}
