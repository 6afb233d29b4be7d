//! A connection string: what it says, and how its password is kept out of everything printed. One that can be read in
//! two ways is refused, because the wrong reading would show part of the password as a name.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::cli::failure::Failure;

/// A connection string. It is a secret: its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Dsn(String);

impl From<String> for Dsn {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dsn(***)")
    }
}

const USE: &str = "Use postgres://user:password@host:port/database \
                   or host=... port=... dbname=... user=... password=...";

/// Options of libpq that are looked at here; the driver does not know them, or not all of what they can be.
const OURS: [&str; 6] = [
    "service",
    "passfile",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

/// Options of libpq that say nothing to this program, and change nothing when they are left out.
const IDLE: [&str; 6] = [
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "krbsrvname",
    "sslcompression",
    "sslsni",
];

/// Options of libpq that would change something, and are not supported.
const MISSING: [&str; 9] = [
    "gsslib",
    "passfile_command",
    "replication",
    "requirepeer",
    "require_auth",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcrl",
    "sslpassword",
];

/// A connection string in its two parts.
#[derive(Default)]
pub struct Parts {
    /// What the driver takes.
    rest: String,
    /// Where a URL could have a port but has none: there the driver would use its own.
    port_at: Option<usize>,
    /// Those of [`OURS`] that are present.
    options: Vec<(String, String)>,
}

impl Parts {
    /// What the driver takes, with a port where there is none yet.
    pub fn rest(&self, port: Option<&str>) -> String {
        let mut rest = self.rest.clone();
        if let (Some(at), Some(port)) = (self.port_at, port) {
            rest.insert_str(at, &format!(":{port}"));
        }
        rest
    }

    /// The value of an option, the last one if it is given twice.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut found = self.options.iter().rev();
        found
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Dsn {
    /// Whether there is nothing in it.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// For a person to recognize it by: without what is secret.
    pub fn redacted(&self) -> String {
        redact(&self.0, &self.0)
    }

    /// Takes it apart. No message repeats anything of it but the names of options.
    pub fn parts(&self) -> Result<Parts, Failure> {
        let text = self.0.trim();
        match text.split_once("://") {
            Some((scheme, rest)) => {
                if !["postgres", "postgresql"].contains(&scheme) {
                    return Err(invalid("it has a scheme other than postgres://"));
                }
                of_url(scheme, rest)
            }
            None => of_pairs(text),
        }
    }
}

/// The error of a connection string that cannot be used.
pub fn invalid(why: &str) -> Failure {
    Failure::new(format!("The DSN is not valid: {why}. {USE}"))
}

fn of_url(scheme: &str, rest: &str) -> Result<Parts, Failure> {
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(authority_end);
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    // A password with one of these signs in it, as it is, ends before that sign.
    if authority.matches('@').count() > 1 || path.contains('@') {
        return Err(invalid(
            "it has an '@' in an invalid place. In a user name or password write '@' as %40, '/' as %2F, ':' as %3A, \
             '?' as %3F and '#' as %23",
        ));
    }
    // The driver takes what comes before the first '@' for a user.
    if !authority.contains('@') && query.contains('@') {
        return Err(invalid(
            "in a user name or password, and in the value of an option, write '@' as %40 and '?' as %3F",
        ));
    }
    let mut options = Vec::new();
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if keep(name)? {
            kept.push(pair);
        } else if OURS.contains(&name) {
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| invalid("an option's value is not UTF-8"))?;
            options.push((name.to_owned(), value.into_owned()));
        }
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_port = host
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'));
    let is_one = !host.is_empty() && !host.contains(',');
    let port_at = (is_one && !has_port).then(|| scheme.len() + 3 + authority.len());
    let mut rest = format!("{scheme}://{authority}{path}");
    if !kept.is_empty() {
        rest.push('?');
        rest.push_str(&kept.join("&"));
    }
    Ok(Parts {
        rest,
        port_at,
        options,
    })
}

fn of_pairs(text: &str) -> Result<Parts, Failure> {
    let mut options = Vec::new();
    let mut rest = String::new();
    let mut left = text;
    while !left.is_empty() {
        let (name, behind) = left
            .split_once('=')
            .ok_or_else(|| invalid("after an option there is something that is not an option"))?;
        let name = name.trim();
        let (value, raw, behind) = value(behind.trim_start())?;
        if keep(name)? {
            rest.push_str(&format!("{name}={raw} "));
        } else if OURS.contains(&name) {
            options.push((name.to_owned(), value));
        }
        left = behind.trim_start();
    }
    Ok(Parts {
        rest,
        port_at: None,
        options,
    })
}

/// A value at the beginning of a text, as libpq reads it; as it is written; and what follows.
fn value(text: &str) -> Result<(String, &str, &str), Failure> {
    let (quoted, inner) = match text.strip_prefix('\'') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let mut value = String::new();
    let mut chars = inner.char_indices();
    let mut end = None;
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            '\'' if quoted => {
                end = Some(at + 1);
                break;
            }
            char if !quoted && char.is_whitespace() => {
                end = Some(at);
                break;
            }
            char => value.push(char),
        }
    }
    let length = match end {
        Some(end) => end + usize::from(quoted),
        None if quoted => return Err(invalid("a quoted value is not terminated")),
        None => text.len(),
    };
    let (raw, behind) = text.split_at(length);
    Ok((value, raw, behind))
}

/// Whether an option is for the driver.
fn keep(name: &str) -> Result<bool, Failure> {
    if MISSING.contains(&name) {
        return Err(invalid(&format!("the option {name} is not supported")));
    }
    Ok(!OURS.contains(&name) && !IDLE.contains(&name))
}

/// Replaces in `text` every password of a DSN that `source` holds.
pub fn redact(text: &str, source: &str) -> String {
    passwords(source)
        .into_iter()
        .fold(text.to_owned(), |text, password| {
            text.replace(password, "***")
        })
}

/// Whether a text may be the rest of a DSN that a shell has cut at a blank.
pub fn may_be_a_rest(text: &str, before: &[&str]) -> bool {
    let begins = |text: &&str| text.contains("://") || text.contains("password");
    !text.starts_with('-') && before.iter().any(begins)
}

/// The passwords in a text that may be a DSN: of a URL's authority, and of `password=` pairs.
fn passwords(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if let Some((_, rest)) = text.split_once("://") {
        // One that a shell has cut has no '@' any more.
        let credentials = rest.rsplit_once('@').map_or(rest, |(before, _)| before);
        if let Some((_, password)) = credentials.split_once(':') {
            found.push(password);
        }
    }
    for (at, name) in text.match_indices("password") {
        let rest = text[at + name.len()..].trim_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else {
            continue;
        };
        let end = match value.strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').map(|end| end + 2),
            None => value.find([' ', '&']),
        };
        found.push(value[..end.unwrap_or(value.len())].trim_matches('\''));
    }
    found.retain(|password| !password.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        Dsn(text.to_owned())
            .parts()
            .unwrap_or_else(|failure| panic!("{text}: {failure}"))
    }

    #[test]
    fn our_options_are_taken_out_and_the_rest_is_the_drivers() {
        let url = parts(
            "postgres://u:p@h:6000/d?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fa%20b",
        );
        assert_eq!(url.rest, "postgres://u:p@h:6000/d?connect_timeout=3");
        assert_eq!(url.option("sslmode"), Some("verify-full"));
        assert_eq!(url.option("sslrootcert"), Some("/a b"));
        assert_eq!(url.option("service"), None);
        let pairs = parts(r"host = h sslrootcert='/a \'b' password='it\'s' dbname=d\ e service=s");
        assert_eq!(pairs.rest, r"host=h password='it\'s' dbname=d\ e ");
        assert_eq!(pairs.option("sslrootcert"), Some("/a 'b"));
        assert_eq!(pairs.option("service"), Some("s"));
        for (url, with_port) in [
            ("postgres://h/d", "postgres://h:1/d"),
            (
                "postgres://u:p@[::1]/d?user=x",
                "postgres://u:p@[::1]:1/d?user=x",
            ),
            ("postgres://u:p@[::1]:2/d", "postgres://u:p@[::1]:2/d"),
            ("postgres://u:p@h:2/d", "postgres://u:p@h:2/d"),
            ("postgres://u:p@/d", "postgres://u:p@/d"),
            ("postgres://h,i/d", "postgres://h,i/d"),
            ("postgres://h", "postgres://h:1"),
        ] {
            assert_eq!(parts(url).rest(None), url);
            assert_eq!(parts(url).rest(Some("1")), with_port);
        }
        assert_eq!(parts("host=h gssencmode=disable").rest, "host=h ");
        assert_eq!(
            parts("sslmode=require sslmode=disable").option("sslmode"),
            Some("disable")
        );
    }

    #[test]
    fn a_password_that_ends_the_wrong_part_is_refused_and_not_shown() {
        for text in [
            "postgres://u:p@ss/w:hunter2#1@host/db",
            "postgres://u:hun@hunter2@h/d",
            "postgres://u:hunter2/more@h/d",
            "postgres://u:hunter2?more@h/d",
            "postgres://h/d?user=u&password=hunter2@more",
            "postgres://u:hunter2@more/x@h/d",
            "postgresql+psycopg://u:hunter2@h/d",
            "host=h password=hunter1 hunter2",
            "host=h password='hunter2",
            "hunter2",
        ] {
            let message = Dsn(text.to_owned()).parts().err().map(|f| f.to_string());
            let message = message.unwrap_or_else(|| panic!("{text} was taken"));
            assert!(message.starts_with("The DSN is not valid: "), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        let unknown = Dsn("host=h sslcrl=x".to_owned()).parts().err().unwrap();
        assert!(
            unknown
                .to_string()
                .contains("the option sslcrl is not supported")
        );
    }

    #[test]
    fn passwords_are_taken_out_of_a_text() {
        for source in [
            "postgres://u:hunter2@h/d",
            "--port=postgresql://u:hunter2@h/d",
            "host=h password=hunter2 user=u",
            "host=h password = 'hunter2' user=u",
            "postgres://h/d?user=u&password=hunter2&sslmode=disable",
            "postgres://u:hunter2",
        ] {
            let text = redact(&format!("invalid value '{source}' for x"), source);
            assert!(!text.contains("hunter2"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
        assert_eq!(
            redact("nothing to hide", "nothing to hide"),
            "nothing to hide"
        );
    }
}
