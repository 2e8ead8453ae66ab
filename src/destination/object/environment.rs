//! Variables of the process that hold credentials. Line breaks around a value are of the editor or secret store that
//! it went through; within it they are a mistake, which libraries answer with a panic or a wrong signature.

use crate::plain::is_invisible;

/// The variables whose names are `wanted`, without blanks and line breaks around their values. Empty
/// ones and those that are no text are left out.
///
/// The error names a variable that holds a control character, and nothing of its value.
pub(crate) fn variables(wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
        let value = value.trim_ascii();
        if value.is_empty() || !wanted(&name) {
            continue;
        }
        // A document may have line breaks.
        if value.chars().any(char::is_control) && !value.starts_with('{') {
            return Err(format!(
                "the environment variable {name} holds a line break or another control character"
            ));
        }
        if let Some(c) = value.chars().find(|c| is_invisible(*c) && !c.is_control()) {
            let code = u32::from(c);
            return Err(format!(
                "the environment variable {name} holds an invisible character (U+{code:04X})"
            ));
        }
        found.push((name, value.to_owned()));
    }
    Ok(found)
}

/// The value of one variable as it is, for what others read themselves: also blanks around it are a mistake.
///
/// The error names it.
pub(crate) fn exact(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) if value.chars().any(|c| c.is_control() || !c.is_ascii()) => Err(format!(
            "the environment variable {name} holds a line break or another character that no HTTP header can hold"
        )),
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(_) => Ok(None),
    }
}

/// The error names a variable that is set to nothing, for those who cannot take that for unset.
pub(crate) fn not_empty(name: &str) -> Result<(), String> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => {
            Err(format!("the environment variable {name} is empty: unset it"))
        }
        _ => Ok(()),
    }
}

/// The variable that names the proxy of `http://` or `https://` URLs, when one does.
pub(super) fn proxy_variable(tls: bool) -> &'static str {
    // A variable that is set hides the one of the other case, also when it is empty.
    let pair = |names: [&'static str; 2]| {
        let set = names.into_iter().find(|name| std::env::var_os(name).is_some());
        set.filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    };
    let own = if tls { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    pair(own).or_else(|| pair(["ALL_PROXY", "all_proxy"])).unwrap_or(own[0])
}
