//! What an address says of encryption: `sslmode` and `sslrootcert`, in the words of PostgreSQL's own client. The client
//! that is used here knows fewer of them, so that they are taken out of the text before it reads it.

use std::{borrow::Cow, path::PathBuf};

use percent_encoding::percent_decode_str;

/// What begins a URL.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What an address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Protection {
    /// `sslmode`, as it is written.
    pub(super) mode: Option<String>,
    /// `sslrootcert`: a file of certificates, of which one has to have issued the database's.
    pub(super) roots: Option<PathBuf>,
}

impl Protection {
    /// Takes it out of an address; the last of two that contradict each other holds, as in the rest.
    pub(super) fn taken_from(address: &str) -> (String, Self) {
        let mut protection = Self::default();
        let scheme = SCHEMES.iter().find(|scheme| address.starts_with(**scheme));
        let rest = match scheme {
            Some(scheme) => protection.take_from_url(address, scheme.len()),
            None => protection.take_from_keywords(address),
        };
        (rest, protection)
    }

    fn take_from_url(&mut self, address: &str, scheme: usize) -> String {
        // What comes before the first @ is a user and a password, whatever is in it.
        let from = address[scheme..].find('@').map_or(scheme, |at| scheme + at);
        let Some(mark) = address[from..].find('?').map(|at| from + at) else { return address.to_owned() };
        let is_kept = |pair: &&str| {
            let Some((key, value)) = pair.split_once('=') else { return true };
            !self.takes(&decoded(key), &decoded(value))
        };
        let kept = address[mark + 1..].split('&').filter(is_kept).collect::<Vec<_>>().join("&");
        if kept.is_empty() { address[..mark].to_owned() } else { format!("{}?{kept}", &address[..mark]) }
    }

    fn take_from_keywords(&mut self, address: &str) -> String {
        let (mut kept, mut rest) = (String::with_capacity(address.len()), address);
        while let Some((key, value, behind)) = keyword(rest) {
            if !self.takes(key, &value) {
                kept.push_str(&rest[..rest.len() - behind.len()]);
            }
            rest = behind;
        }
        // What is no keyword with a value the client will say so of.
        kept + rest
    }

    fn takes(&mut self, key: &str, value: &str) -> bool {
        match key {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.roots = Some(PathBuf::from(value)),
            _ => return false,
        }
        true
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The first keyword, its value, and what is behind; in quotes a value has spaces, and behind a backslash a quote.
fn keyword(text: &str) -> Option<(&str, String, &str)> {
    let (key, behind) = text.split_once('=')?;
    let (key, behind) = (key.trim(), behind.trim_start());
    let (is_quoted, body) = behind.strip_prefix('\'').map_or((false, behind), |body| (true, body));
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if is_quoted => return Some((key, value, &body[at + 1..])),
            space if !is_quoted && space.is_whitespace() => return Some((key, value, &body[at..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (!is_quoted).then_some((key, value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_encryption_is_taken_out_and_nothing_else() {
        let of = |mode: &str, roots: &str| Protection {
            mode: (!mode.is_empty()).then(|| mode.to_owned()),
            roots: (!roots.is_empty()).then(|| roots.into()),
        };
        for (address, rest, protection) in [
            ("postgres://u@h/d", "postgres://u@h/d", of("", "")),
            ("postgres://u@h/d?sslmode=verify-full", "postgres://u@h/d", of("verify-full", "")),
            (
                "postgresql://u:p?sslmode=x@h/d?a=b&ssl%6dode=require&sslrootcert=%2Fetc%2Fa%20b.pem&c=d",
                "postgresql://u:p?sslmode=x@h/d?a=b&c=d",
                of("require", "/etc/a b.pem"),
            ),
            ("host=h sslmode=disable", "host=h", of("disable", "")),
            ("host=h sslmode = require sslmode=disable user=u", "host=h user=u", of("disable", "")),
            (
                r"password='a sslmode=x \' b' sslrootcert='/a b/\'c.pem' dbname=d\ sslmode=y",
                r"password='a sslmode=x \' b' dbname=d\ sslmode=y",
                of("", "/a b/'c.pem"),
            ),
            ("host=h sslmode='require", "host=h sslmode='require", of("", "")),
            ("sslmode", "sslmode", of("", "")),
        ] {
            assert_eq!(Protection::taken_from(address), (rest.to_owned(), protection), "{address}");
        }
    }
}
