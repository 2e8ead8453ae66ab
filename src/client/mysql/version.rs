//! Which server answers, and of which version.

/// A server's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Whether it is MariaDB, whose numbers are not MySQL's.
    pub maria: bool,
    /// Such as 10.11.14, or 8.4.3. The last part is 0 where the server does not say it.
    pub number: (u16, u16, u16),
}

impl Version {
    /// Reads what the server says in its greeting or as `version()`; none when it begins with no number.
    ///
    /// MariaDB writes `5.5.5-` before its own number, for the sake of old replicas.
    pub fn parse(text: &str) -> Option<Self> {
        let maria = text.to_ascii_lowercase().contains("mariadb");
        let text = match text.strip_prefix("5.5.5-") {
            Some(rest) if maria => rest,
            _ => text,
        };
        let mut parts = text.splitn(3, '.');
        let major = parts.next().filter(|part| digits(part).len() == part.len())?.parse().ok()?;
        let minor = digits(parts.next()?).parse().ok()?;
        let patch = match digits(parts.next().unwrap_or("")) {
            // Aurora has a name there.
            "" => 0,
            patch => patch.parse().ok()?,
        };
        Some(Self { maria, number: (major, minor, patch) })
    }
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_and_clouds_write_them() {
        for (text, maria, number) in [
            ("5.5.5-10.11.14-MariaDB-0+deb12u2", true, (10, 11, 14)),
            ("10.6.20-15-MariaDB-enterprise-log", true, (10, 6, 20)),
            ("11.8.9-MariaDB-ubu", true, (11, 8, 9)),
            ("8.0.36", false, (8, 0, 36)),
            ("8.0.36-28.1", false, (8, 0, 36)),
            ("8.0.30 (ProxySQL)", false, (8, 0, 30)),
            ("8.4.3-cloud", false, (8, 4, 3)),
            ("9.7.4", false, (9, 7, 4)),
            ("9.7", false, (9, 7, 0)),
            ("8.4-log", false, (8, 4, 0)),
            ("8.0.mysql_aurora.3.05.2", false, (8, 0, 0)),
            ("5.5.5-8.0.30", false, (5, 5, 5)),
            ("5.7.44-log", false, (5, 7, 44)),
        ] {
            assert_eq!(Version::parse(text), Some(Version { maria, number }), "{text}");
        }
        for odd in [
            "",
            "8",
            "MySQL 8.0",
            "8.",
            "8..3",
            ".8.0",
            "8.x.1",
            "v8.0.1",
            "+8.0.1",
            "-8.0",
            "70000.1.1",
            "8.70000.1",
            "8.0.70000",
            "5.5.5-MariaDB",
            "8é.0",
        ] {
            assert_eq!(Version::parse(odd), None, "{odd}");
        }
    }
}
