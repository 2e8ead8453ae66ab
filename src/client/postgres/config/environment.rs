//! What libpq takes from its surroundings: `PG*` variables, a service file, a password file.
//!
//! All of it stands below what the URL or the auth entry says, in libpq's order: the service's section, then the
//! variables. Each value keeps the place it came from, for messages.

use std::path::{Path, PathBuf};

use super::{Fields, Key, PostgresConfig, Secret, URL_KEYS};
use crate::client::Environment;
use crate::secret;

/// Variables that stand for a key.
const VARIABLES: &[(&str, Key)] = &[
    ("PGHOST", Key::Host),
    ("PGPORT", Key::Port),
    ("PGUSER", Key::User),
    ("PGPASSWORD", Key::Password),
    ("PGDATABASE", Key::Database),
    ("PGSSLMODE", Key::Mode),
    ("PGSSLROOTCERT", Key::RootCertificate),
    ("PGSSLCERT", Key::Certificate),
    ("PGSSLKEY", Key::PrivateKeyFile),
    ("PGCONNECT_TIMEOUT", Key::ConnectTimeout),
    ("PGAPPNAME", Key::ApplicationName),
    ("PGOPTIONS", Key::Options),
    ("PGCHANNELBINDING", Key::ChannelBinding),
    ("PGPASSFILE", Key::PasswordFile),
];

/// Variables that libpq knows and this program does not: to leave them out in silence could weaken a connection or
/// lead to another server.
const UNKNOWN: &[&str] =
    &["PGHOSTADDR", "PGREQUIREAUTH", "PGREQUIREPEER", "PGSSLCRL", "PGSSLCRLDIR", "PGTARGETSESSIONATTRS"];

/// Variables that libpq refuses when they are set to nothing: a connection could be weaker than it was to be, or lead
/// to another server. All others are then as if they were not set.
const NEVER_EMPTY: &[(&str, Key)] = &[
    ("PGSERVICE", Key::Service),
    ("PGSSLMODE", Key::Mode),
    ("PGCHANNELBINDING", Key::ChannelBinding),
    ("PGCONNECT_TIMEOUT", Key::ConnectTimeout),
];

/// Directories in which a server's socket counts as `localhost` in a password file.
const SOCKET_DIRECTORIES: &[&str] = &["/tmp", "/run/postgresql", "/var/run/postgresql"];

/// Adds what the surroundings say about keys that are not given, and warns about what this program does not know.
pub(super) fn fill(fields: &mut Fields, environment: &Environment) {
    fill_quietly(fields, environment);
    for variable in UNKNOWN.iter().filter(|variable| environment.get(variable).is_some()) {
        tracing::warn!("{variable} is set, which this program does not know");
    }
}

/// Adds what the surroundings say about keys that are not given.
pub(super) fn fill_quietly(fields: &mut Fields, environment: &Environment) {
    for (variable, key) in NEVER_EMPTY {
        if environment.is_empty(variable) && !fields.has(*key) {
            fields.problem(format!("{variable} is empty: unset it, or give it a value"));
        }
    }
    let given = fields.take(Key::Service).map(|(_, name)| name);
    if let Some(name) = given.or_else(|| environment.get("PGSERVICE").map(str::to_owned)) {
        service(fields, environment, &name);
    }
    for (variable, key) in VARIABLES {
        if let Some(value) = environment.get(variable) {
            fields.default(*key, variable, value);
        }
    }
}

/// Adds the section `name` of the user's service file, or else of the system's.
fn service(fields: &mut Fields, environment: &Environment, name: &str) {
    let own = match environment.get("PGSERVICEFILE") {
        Some(path) => Some(PathBuf::from(path)),
        None => environment.get("HOME").map(|home| Path::new(home).join(".pg_service.conf")),
    };
    let system = environment.get("PGSYSCONFDIR").map(|dir| Path::new(dir).join("pg_service.conf"));
    let mut looked_at = Vec::new();
    for path in own.into_iter().chain(system) {
        looked_at.push(path.display().to_string());
        match std::fs::read_to_string(&path) {
            Ok(text) => match section(&text, name) {
                Some(lines) => return add_section(fields, name, &path, &lines),
                None => continue,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => fields.problem(format!("{}: {error}", path.display())),
        }
    }
    let places = match looked_at.is_empty() {
        true => "no service file is known: set PGSERVICEFILE".to_owned(),
        false => format!("it is not in {}", looked_at.join(" or ")),
    };
    fields.problem(format!("there is no service '{name}': {places}"));
}

/// The lines of a section, with their numbers; none if there is no such section.
fn section<'t>(text: &'t str, name: &str) -> Option<Vec<(usize, &'t str)>> {
    let mut found = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (title == name).then(Vec::new);
        } else if let Some(lines) = &mut found
            && !line.is_empty()
            && !line.starts_with('#')
        {
            lines.push((at + 1, line));
        }
    }
    found
}

fn add_section(fields: &mut Fields, name: &str, path: &Path, lines: &[(usize, &str)]) {
    for (number, line) in lines {
        let place = format!("{} line {number}", path.display());
        // The line may hold a password: it is in no message.
        let Some((key, value)) = line.split_once('=') else {
            fields.problem(format!("{place} (service '{name}') is not key=value"));
            continue;
        };
        match URL_KEYS.iter().find(|(known, _)| *known == key.trim_end()) {
            Some((_, Key::Service)) | None => {
                // It may be the second line of a password.
                let key = key.trim_end();
                let key = if secret::short(key).is_some() { key } else { "what it begins with" };
                fields.problem(format!("{place} (service '{name}'): {key} is not a key this program knows"));
            }
            Some((known, key)) => fields.default(*key, &format!("{place} {known}"), value.trim_start()),
        }
    }
}

/// Takes the password from the password file, where none is given. `given` is the file that was asked for. A host that
/// is not `trusted` needs a line that names it.
pub(super) fn password(
    config: &mut PostgresConfig,
    given: Option<String>,
    environment: &Environment,
    trusted: bool,
) {
    let path = match given {
        Some(path) => PathBuf::from(path),
        None => match environment.get("HOME") {
            Some(home) => Path::new(home).join(".pgpass"),
            None => return,
        },
    };
    if config.password.is_some() || config.fresh.is_some() {
        return;
    }
    match read_private(&path) {
        Ok(Some(text)) => {
            config.password = find_password(&text, config, trusted).map(Secret::new);
            if !trusted && config.password.is_none() && find_password(&text, config, true).is_some() {
                config.password_note = Some(unused(&path.display().to_string(), config));
            }
        }
        Ok(None) => {}
        // As libpq: the connection may need no password.
        Err(why) => {
            let note = format!("the password file {} was not used: {why}", path.display());
            tracing::warn!("{note}");
            config.password_note = Some(note);
        }
    }
}

/// The text of a file that its owner alone may read; none if there is no file.
fn read_private(path: &Path) -> Result<Option<String>, String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !metadata.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err("others may read it; chmod 600 makes it private".to_owned());
        }
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| error.to_string())
}

/// The password of the first line `host:port:database:user:password` that fits; `*` fits everything, but as a host only
/// one that is `trusted`.
fn find_password(text: &str, config: &PostgresConfig, trusted: bool) -> Option<String> {
    let port = config.port.to_string();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = split_fields(line).into_iter();
        let (Some(host), Some(of_port), Some(database), Some(user), Some(password)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        // Everybody can have a socket in /tmp.
        let local = config.is_unix_socket()
            && SOCKET_DIRECTORIES.contains(&config.host.as_str())
            && (trusted || config.host != "/tmp");
        let same_host = host.is(&config.host) || (trusted && host.any) || (local && host.is("localhost"));
        let fits_all = same_host
            && fits(&of_port, &port)
            && fits(&database, &config.database)
            && fits(&user, &config.user);
        if fits_all {
            return (!password.text.is_empty()).then_some(password.text);
        }
    }
    None
}

/// One field of a line, and whether it is a bare `*`.
struct Word {
    text: String,
    any: bool,
}

impl Word {
    fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

fn fits(word: &Word, value: &str) -> bool {
    word.any || word.is(value)
}

/// Cuts at colons; a backslash takes the next character as it is. The fifth field is all that is left.
fn split_fields(line: &str) -> Vec<Word> {
    let mut words = vec![Word { text: String::new(), any: false }];
    let mut escaped = false;
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        let last = words.len() == 5;
        let Some(word) = words.last_mut() else { break };
        match next {
            '\\' => {
                word.text.extend(chars.next());
                escaped = true;
            }
            ':' if last => break,
            ':' => {
                word.any = word.text == "*" && !escaped;
                escaped = false;
                words.push(Word { text: String::new(), any: false });
            }
            other => word.text.push(other),
        }
    }
    words
}

/// Why a password was not used.
pub(super) fn unused(place: &str, config: &PostgresConfig) -> String {
    format!(
        "the password of {place} is not sent to {}, which only the run log names: give --source (or LAKEXPRESS_SOURCE) \
         once more, or set PGHOST and PGPORT, or write a line with this host into ~/.pgpass",
        config.server()
    )
}
