//! Where PostgreSQL's programs look besides the connection string: the PG* variables, a service file and a password
//! file, as libpq does (PostgreSQL's manual, chapter libpq, "Environment Variables", "The Connection Service File" and
//! "The Password File"). The crates for this are no longer maintained, and know only part of it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::terminal;

/// Where Debian has the service file of the whole machine.
const SYSTEM_FOLDER: &str = "/etc/postgresql-common";

/// libpq's parameters, and the variables that hold them.
const VARIABLES: [(&str, &str); 15] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("service", "PGSERVICE"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

/// Those that name a database: one of them is enough to work without a connection string.
const NAMING: [&str; 4] = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"];

/// The parameters that are found outside a connection string.
pub struct Surroundings(HashMap<String, String>);

/// Whether the variables say which database is meant.
pub fn names_a_database(get: impl Fn(&str) -> Option<String>) -> bool {
    NAMING
        .iter()
        .any(|name| get(name).is_some_and(|value| !value.is_empty()))
}

impl Surroundings {
    /// Reads the variables, and the service that they or the connection string name.
    pub fn load(
        service: Option<&str>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let set = |(parameter, name): &(&str, &str)| {
            let value = get(name).filter(|value| !value.is_empty())?;
            Some(((*parameter).to_owned(), value))
        };
        let mut found: HashMap<_, _> = VARIABLES.iter().filter_map(set).collect();
        if let Some(name) = service.or(found.get("service").map(String::as_str)) {
            // A service counts before the variables.
            let of_service = read_service(name, &get)?;
            found.extend(of_service);
        }
        Ok(Self(found))
    }

    /// A parameter that the connection string does not have.
    pub fn get(&self, parameter: &str) -> Option<&str> {
        self.0.get(parameter).map(String::as_str)
    }
}

fn home(get: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    get("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
}

fn read_service(
    name: &str,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<HashMap<String, String>, Failure> {
    let own = get("PGSERVICEFILE").map(PathBuf::from);
    let own = own.or_else(|| Some(home(get)?.join(".pg_service.conf")));
    let system = get("PGSYSCONFDIR").unwrap_or_else(|| SYSTEM_FOLDER.to_owned());
    let system = Path::new(&system).join("pg_service.conf");
    let files: Vec<PathBuf> = own.into_iter().chain([system]).collect();
    let read = |file: &PathBuf| section(&fs::read_to_string(file).ok()?, name);
    files.iter().find_map(read).ok_or_else(|| {
        let names: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        Failure::new(format!(
            "There is no service \"{name}\" in {}",
            names.join(" or in ")
        ))
    })
}

fn section(text: &str, name: &str) -> Option<HashMap<String, String>> {
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let title = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        if let Some(title) = title {
            if found.is_some() {
                break;
            }
            if title == name {
                found = Some(HashMap::new());
            }
        } else if let (Some(found), Some((key, value))) = (&mut found, line.split_once('=')) {
            found
                .entry(key.trim().to_owned())
                .or_insert_with(|| value.trim().to_owned());
        }
    }
    found
}

/// Whom a password is for.
pub struct PasswordFor<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password for a login, from the file that is named or from `~/.pgpass`.
pub fn password(
    named: Option<&str>,
    login: &PasswordFor,
    get: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let file = match named {
        Some(name) => PathBuf::from(name),
        None => home(&get)?.join(".pgpass"),
    };
    let about = fs::metadata(&file).ok()?;
    if !about.is_file() || about.permissions().mode() & 0o077 != 0 {
        terminal::complain(&format!(
            "WARNING: the password file {} is not used: others may read it. Run: chmod 600 {0}",
            file.display()
        ));
        return None;
    }
    let text = fs::read_to_string(&file).ok()?;
    text.lines().find_map(|line| password_of(line, login))
}

fn password_of(line: &str, login: &PasswordFor) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    // Whatever follows a fifth colon is ignored, as libpq does.
    let (password, head) = (fields.get(4)?, &fields[..4]);
    let fits = head
        .iter()
        .zip(wanted)
        .all(|((raw, field), wanted)| *raw == "*" || field == wanted);
    fits.then(|| password.1.clone())
}

/// The fields of a line, as they are written and as they are meant: `\` takes the meaning from `:` and `\`.
fn fields(line: &str) -> Vec<(&str, String)> {
    let mut fields = Vec::new();
    let (mut from, mut field) = (0, String::new());
    let mut chars = line.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => field.extend(chars.next().map(|(_, char)| char)),
            ':' => {
                fields.push((&line[from..at], std::mem::take(&mut field)));
                from = at + 1;
            }
            char => field.push(char),
        }
    }
    fields.push((&line[from..], field));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_password_file_fits_by_its_fields() {
        let login = PasswordFor {
            host: "::1",
            port: 5432,
            database: "d",
            user: "u:v",
        };
        for (line, password) in [
            (r"\:\:1:5432:d:u\:v:se\:cr\\et", Some(r"se:cr\et")),
            (r"*:*:*:u\:v:x", Some("x")),
            (r"*:*:*:*:x:more", Some("x")),
            (r"*:5433:*:*:x", None),
            (r"\*:*:*:*:x", None),
            ("# *:*:*:*:x", None),
            ("*:*:*:x", None),
            ("", None),
        ] {
            assert_eq!(password_of(line, &login).as_deref(), password, "{line}");
        }
    }

    #[test]
    fn a_service_is_the_section_of_its_name() {
        let text = "# x\n[a]\nhost=one\n[b]\n host = two \nport=6000\nport=6001\n\n[c]\nuser=x\n[b]\nuser=y";
        let b = section(text, "b").unwrap();
        assert_eq!(
            (b["host"].as_str(), b["port"].as_str(), b.len()),
            ("two", "6000", 2)
        );
        assert!(section(text, "d").is_none());
    }

    #[test]
    fn a_service_counts_before_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        fs::write(&file, "[s]\nhost=of-service\n").unwrap();
        let get = |name: &str| match name {
            "PGSERVICEFILE" => Some(file.display().to_string()),
            "PGHOST" => Some("of-variable".to_owned()),
            "PGPORT" => Some("6000".to_owned()),
            "PGUSER" => Some(String::new()),
            _ => None,
        };
        let found = Surroundings::load(Some("s"), get).unwrap();
        assert_eq!(found.get("host"), Some("of-service"));
        assert_eq!(found.get("port"), Some("6000"));
        assert_eq!(found.get("user"), None);
        let failure = Surroundings::load(Some("other"), get).err().unwrap();
        assert!(failure.to_string().contains("no service \"other\" in "));
        assert!(names_a_database(get));
        assert!(!names_a_database(
            |name| (name == "PGPORT").then(|| "1".to_owned())
        ));
    }
}
