//! Keys and certificates in PEM that went through variables, secret stores and forms.
//!
//! What was done to them there and can be undone without a doubt is undone: line breaks as the two characters `\n`,
//! blanks in place of line breaks, carriage returns, quotes and blanks around all of it.

/// `text` as PEM with one line for each 64 digits. Sections that hold more than base64, such as those with headers,
/// stay as they are but for their line breaks.
///
/// # Errors
/// A sentence about what is wrong, with nothing of the text.
pub fn mended(text: &str) -> Result<String, &'static str> {
    let text = with_line_breaks(text.trim().trim_matches(['"', '\'']));
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or("its line -----BEGIN ...----- is not whole")?;
        if label.len() > 40
            || !label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ')
        {
            return Err("its line -----BEGIN ...----- is not whole");
        }
        let end = format!("-----END {label}-----");
        let (content, after) = after
            .split_once(&end)
            .ok_or("its end -----END ...----- is missing: it was cut short or changed")?;
        rest = after;
        out.push_str(&format!("-----BEGIN {label}-----\n"));
        push_content(content, &mut out)?;
        out.push_str(&end);
        out.push('\n');
    }
    if out.is_empty() { Err("it has no line -----BEGIN ...-----") } else { Ok(out) }
}

fn push_content(content: &str, out: &mut String) -> Result<(), &'static str> {
    if content.contains(':') {
        out.push_str(content.trim());
        out.push('\n');
        return Ok(());
    }
    let digits: Vec<char> = content.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.iter().any(|c| !c.is_ascii_alphanumeric() && !"+/=".contains(*c)) {
        return Err("between its first and last line is more than base64");
    }
    for line in digits.chunks(64) {
        out.extend(line);
        out.push('\n');
    }
    Ok(())
}

/// Backslashes with `n`, `r` or `t`, however often they were escaped, become what they mean; others go. Base64 has
/// none.
fn with_line_breaks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        while chars.next_if_eq(&'\\').is_some() {}
        if chars.next_if(|next| matches!(next, 'n' | 'r' | 't')).is_some() {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\nnrt+/w==\n-----END PRIVATE KEY-----\n", "nrtA".repeat(16))
    }

    #[test]
    fn what_can_be_undone_is_undone() {
        let right = right();
        for (how, text) in [
            ("as it is", right.clone()),
            ("two characters", right.replace('\n', "\\n")),
            ("two characters, escaped twice", right.replace('\n', "\\\\n")),
            ("Windows", right.replace('\n', "\r\n")),
            ("Windows as characters", right.replace('\n', "\\r\\n")),
            ("blanks", right.replace('\n', " ")),
            ("blanks around", format!("  \t{right}\n\n ")),
            ("quotes", format!("\"{}\"", right.replace('\n', "\\n"))),
            ("no line break at the end", right.trim_end().to_owned()),
            ("none at all", right.replace('\n', "")),
        ] {
            assert_eq!(mended(&text).as_deref(), Ok(right.as_str()), "{how}");
        }
        let two = format!("{right}{right}");
        assert_eq!(mended(&two.replace('\n', "\\n")), Ok(two));
        let headers = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(mended(headers).as_deref(), Ok(headers));
    }

    #[test]
    fn what_cannot_is_said_without_the_text() {
        let right = right();
        for (text, words) in [
            (right[..60].to_owned(), "cut short"),
            (right[30..].to_owned(), "no line -----BEGIN"),
            (right.replace("nrt+", "nr*+"), "more than base64"),
            (right.replace("KEY-----\nnrtA", "KEY--nrtA"), "not whole"),
            (String::new(), "no line -----BEGIN"),
        ] {
            let problem = mended(&text).expect_err("wrong");
            assert!(problem.contains(words), "{problem}");
        }
    }
}
