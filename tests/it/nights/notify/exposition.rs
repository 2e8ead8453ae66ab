//! Prometheus' text exposition format, version 0.0.4, read as strictly as its specification allows.

use std::collections::{BTreeMap, BTreeSet};

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// The samples of a file.
#[derive(Debug)]
pub(super) struct Exposition(Vec<(String, Labels, f64)>);

impl Exposition {
    /// Reads a file; says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("the last line has no end".into());
        }
        let (mut samples, mut seen) = (Vec::new(), BTreeSet::new());
        let (mut described, mut typed) = (BTreeSet::new(), BTreeSet::new());
        // Lines of a metric stand together.
        let (mut current, mut closed) = (String::new(), BTreeSet::new());
        for line in text[..text.len() - 1].split('\n') {
            let wrong = |what: &str| Err(format!("{what}: {line}"));
            let mut enter = |metric: &str| {
                if metric != current {
                    closed.insert(std::mem::replace(&mut current, metric.to_owned()));
                }
                !closed.contains(metric)
            };
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let Some((metric, help)) = rest.split_once(' ') else { return wrong("no text") };
                if !is_name(metric, true) || !enter(metric) || !described.insert(metric.to_owned()) {
                    return wrong("HELP is out of place");
                }
                unescaped(help, false)?;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let Some((metric, kind)) = rest.split_once(' ') else { return wrong("no type") };
                if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind)
                    || !enter(metric)
                    || !typed.insert(metric.to_owned())
                    || seen.iter().any(|(name, _)| name == metric)
                {
                    return wrong("TYPE is out of place");
                }
            } else {
                let (metric, labels, value) = sample(line)?;
                if !enter(&metric) || !described.contains(&metric) || !typed.contains(&metric) {
                    return wrong("a sample is out of place");
                }
                if !seen.insert((metric.clone(), labels.clone())) {
                    return wrong("a series twice");
                }
                samples.push((metric, labels, value));
            }
        }
        Ok(Self(samples))
    }

    /// All samples of a metric.
    pub(super) fn of(&self, metric: &str) -> Vec<(&Labels, f64)> {
        self.0.iter().filter(|(name, ..)| name == metric).map(|(_, labels, value)| (labels, *value)).collect()
    }

    /// The only sample of a metric with this label.
    #[track_caller]
    pub(super) fn labelled(&self, metric: &str, label: &str, value: &str) -> f64 {
        let found = self.of(metric).into_iter().filter(|(labels, _)| labels[label] == value);
        match found.collect::<Vec<_>>().as_slice() {
            [(_, number)] => *number,
            other => panic!("{metric} {label}={value}: {other:?}"),
        }
    }

    /// The only sample of a metric.
    #[track_caller]
    pub(super) fn value(&self, metric: &str) -> f64 {
        match self.of(metric).as_slice() {
            [(_, number)] => *number,
            other => panic!("{metric}: {other:?}"),
        }
    }

    pub(super) fn metrics(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(name, ..)| name.as_str()).collect()
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &Labels> {
        self.0.iter().map(|(_, labels, _)| labels)
    }
}

fn is_name(text: &str, colon: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || colon && c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// `metric{label="value",...} value`.
fn sample(line: &str) -> Result<(String, Labels, f64), String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let (metric, mut rest) = line.split_once('{').ok_or_else(|| wrong("no labels"))?;
    let mut labels = Labels::new();
    loop {
        let (label, after) = rest.split_once("=\"").ok_or_else(|| wrong("no label"))?;
        let end = closing_quote(after).ok_or_else(|| wrong("no end of a label"))?;
        if !is_name(label, false) || label.starts_with("__") {
            return Err(wrong("no name of a label"));
        }
        let value = unescaped(&after[..end], true)?;
        if labels.insert(label.to_owned(), value).is_some() {
            return Err(wrong("a label twice"));
        }
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    let value = rest.strip_prefix("} ").ok_or_else(|| wrong("no value"))?;
    let plain = value.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let value = value.parse().ok().filter(|_| plain).ok_or_else(|| wrong("no number"))?;
    if !is_name(metric, true) {
        return Err(wrong("no name of a metric"));
    }
    Ok((metric.to_owned(), labels, value))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escape = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escape;
        escape = c == '\\' && !escape;
        ends.then_some(at)
    })
}

/// Only a backslash, a line break and, in labels, a quote are escaped.
fn unescaped(text: &str, quotes: bool) -> Result<String, String> {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                other => return Err(format!("\\{other:?} is no escape")),
            },
            c => out.push(c),
        }
    }
    Ok(out)
}

#[test]
fn the_parser_finds_what_is_wrong() {
    let good = "# HELP a b\n# TYPE a gauge\na{x=\"1\\\\\\n\\\"\"} 1.5\na{x=\"2\"} 2\n";
    assert_eq!(Exposition::parse(good).unwrap().labelled("a", "x", "1\\\n\""), 1.5);
    for (was, is) in [
        (" 2\n", " 2"),
        ("x=\"2\"", "x=\"1\\\\\\n\\\"\""),
        ("\\n", "\\t"),
        ("1.5", "inf"),
        ("# TYPE a gauge\n", ""),
        ("# HELP a b\n", "# HELP a b\n# HELP a b\n"),
        ("gauge", "gage"),
        ("a{x=\"2\"} 2\n", "b{x=\"2\"} 2\n"),
        ("x=\"2\"", "x-y=\"2\""),
        ("\\\"\"", "\"\""),
    ] {
        let wrong = good.replacen(was, is, 1);
        assert!(wrong != good && Exposition::parse(&wrong).is_err(), "{wrong}");
    }
}
