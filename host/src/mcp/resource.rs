//! Which resources hear of each other: what was updated may be a part of what somebody follows
//! (2025-11-25, "Resources", `notifications/resources/updated`).

/// What of `uri` follows `whole`, if it is that resource or a part of it: one further down the
/// path, or with a query or a fragment.
pub fn part<'a>(uri: &'a str, whole: &str) -> Option<&'a str> {
    let rest = uri.strip_prefix(whole)?;
    let begins = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (begins || whole.ends_with(['/', '?', '#'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_begins_at_a_boundary() {
        for (uri, rest) in [
            ("file:///a", Some("")),
            ("file:///a/b", Some("/b")),
            ("file:///a?b", Some("?b")),
            ("file:///a#b", Some("#b")),
            ("file:///ab", None),
            ("file:///", None),
        ] {
            assert_eq!(part(uri, "file:///a"), rest, "{uri}");
        }
        assert_eq!(part("file:///a/b", "file:///a/"), Some("b"));
        assert_eq!(part("file:///a", "file:///a/"), None);
    }
}
