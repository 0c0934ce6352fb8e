//! Which values must not be shown.

use std::borrow::Cow;

/// What stands for a value that is not shown; the text that Flink uses.
pub(crate) const HIDDEN: &str = "******";

/// Parts of keys, in lower case. The first block hides what Flink hides (`api-key` since 2.x, the others in 1.20 and
/// 2.x); the second what this client adds, because its values carry credentials too and Flink would show them.
const SENSITIVE: [&str; 17] = [
    "password",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
    //
    "authorization",
    "credential",
    "headers",
    "passwd",
    "private-key",
    "access-key",
];

/// Whether the value of `key` is a secret, which `Debug` and errors do not show.
pub(crate) fn is_sensitive(key: &str) -> bool {
    let key = key.to_lowercase();
    SENSITIVE.iter().any(|part| key.contains(part))
}

/// `value` as it may be shown: hidden for a secret key, and without the user part of any URL in it.
pub(crate) fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_sensitive(key) { Cow::Borrowed(HIDDEN) } else { without_user_info(value) }
}

fn without_user_info(value: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = value;
    while let Some(scheme_end) = rest.find("://") {
        let (before, after) = rest.split_at(scheme_end + 3);
        shown.push_str(before);
        let authority = after.find(['/', '?', '#', ' ', ',', ';', '\'', '"']).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(at) => {
                shown.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    if shown.is_empty() {
        return Cow::Borrowed(value);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_by_key_in_any_case() {
        for key in [
            "security.ssl.rest.keystore-password",
            "S3.Secret-Key",
            "fs.azure.account.key.me.blob.core.windows.net",
            "metrics.reporter.x.apikey",
            "my.api-key",
            "x.auth-params",
            "x.service-key",
            "kubernetes.TOKEN",
            "x.basic-auth.credentials",
            "security.jaas.config",
            "x.http-headers",
            "high-availability.zookeeper.client.authorization",
            "client.rest.headers",
        ] {
            assert_eq!(shown(key, "hunter2"), HIDDEN, "{key}");
        }
        assert_eq!(shown("rest.address", "hunter2"), "hunter2");
    }

    #[test]
    fn hides_the_user_of_a_url() {
        for (value, expected) in [
            ("http://me:pw@h:1/x", "http://******@h:1/x"),
            ("http://h:1/a@b", "http://h:1/a@b"),
            ("[https://a:p@ss@h, http://u@k]", "[https://******@h, http://******@k]"),
            ("me@here", "me@here"),
            ("://", "://"),
        ] {
            assert_eq!(shown("rest.address", value), expected);
        }
    }
}
