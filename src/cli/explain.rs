//! `lakexpress explain`.

use super::args::ExplainArgs;
use super::print;
use crate::error::{AREAS, Code, Error, Page, Result, pages};
use crate::report::{json, text};
use crate::spec::nearest;

/// Prints the page of a code, or all codes.
pub(super) fn run(args: &ExplainArgs) -> Result<u8> {
    let shown = match (&args.code, args.output.json) {
        (Some(code), false) => text::explained(find(code)?),
        (Some(code), true) => json::explained(find(code)?)?,
        (None, false) => text::codes(AREAS),
        (None, true) => json::codes(AREAS)?,
    };
    print(&shown)?;
    Ok(0)
}

/// The page of what is meant by `word`.
fn find(word: &str) -> Result<&'static Page> {
    let letters = word.trim().to_ascii_uppercase();
    let digits = letters.strip_prefix("LX").unwrap_or(&letters);
    let number =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    let found = number.and_then(|number| pages().find(|page| page.code.number() == number));
    found.ok_or_else(|| {
        let codes: Vec<String> = pages().map(|page| page.code.to_string()).collect();
        let wanted = number.map_or_else(|| letters.clone(), |number| format!("LX{number:04}"));
        let near = nearest(&wanted, codes.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
        Error::usage(format!("no error code '{word}'"))
            .coded(Code::CommandLine)
            .hint(format!("{near}`lakexpress explain` lists all codes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for word in ["LX0302", "lx0302", "Lx302", "0302", "302", " 302 "] {
            assert_eq!(find(word).expect(word).code, Code::LoginRefused, "{word}");
        }
    }

    #[test]
    fn an_unknown_code_is_refused_with_the_nearest_one() {
        for word in ["LX0392", "0392", "LX", "", "LX99999", "login"] {
            let error = find(word).expect_err(word);
            assert_eq!(error.code(), Code::CommandLine);
            assert!(error.hints()[0].contains("lists all codes"), "{word}: {error:?}");
        }
        assert!(find("LX0392").expect_err("unknown").hints()[0].starts_with("did you mean LX03"));
    }
}
