//! Globs over names and URIs.

/// Stands for `/` in patterns and names alike. fast-glob lets no `*` cross a path separator; names
/// and URIs are no paths, so they are matched without one. It is a character that none of them has.
const SLASH: &str = "\u{1}";

/// A glob: `*` is any run of characters, also of `/` and `.`, `?` is any one; `[a-z]`, `[!a-z]`
/// and `{a,b}` choose, `!` at the start turns the rest round, and `\` takes a sign as it is.
#[derive(Debug)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// The error is fast-glob's, without its place: "unclosed brace expansion at byte 3".
    pub(crate) fn parse(glob: &str) -> Result<Self, String> {
        if glob.is_empty() {
            return Err("an empty pattern matches nothing".into());
        }
        fast_glob::validate(glob).map_err(|error| error.to_string())?;
        Ok(Self(glob.replace('/', SLASH)))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        fast_glob::glob_match(&self.0, name.replace('/', SLASH))
    }
}

/// Which of a backend's own names are let through.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) allow: Vec<Pattern>,
    pub(crate) deny: Vec<Pattern>,
}

impl Filter {
    /// Deny stands over allow; allowing nothing in particular allows all.
    pub(crate) fn lets_through(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        !any(&self.deny) && (self.allow.is_empty() || any(&self.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, name: &str) -> bool {
        Pattern::parse(glob).unwrap().matches(name)
    }

    #[test]
    fn a_star_matches_every_character() {
        for name in [
            "get",
            "get.all",
            "get/all",
            "file:///a/b.txt",
            "",
            ".hidden",
            "größe",
        ] {
            assert!(matches("*", name), "{name}");
            assert!(matches("**", name), "{name}");
        }
        assert!(matches("file://*", "file:///home/me/a.txt"));
        assert!(matches("file://**/*.txt", "file:///home/me/a.txt"));
        assert!(matches("*/issues/*", "repo://a/b/issues/7/comments"));
        assert!(matches("a**z", "a/b.z"));
    }

    #[test]
    fn a_question_mark_is_any_one_character() {
        assert!(matches("a?b", "a/b"));
        assert!(matches("a?b", "a_b"));
        assert!(!matches("a?b", "ab"));
    }

    #[test]
    fn classes_and_choices_choose() {
        assert!(matches("get_[a-c]", "get_b"));
        assert!(!matches("get_[!a-c]", "get_b"));
        assert!(matches("{get,list}_*", "list_all"));
        assert!(matches("{file,http}://*", "http://a/b"));
        assert!(matches("a[/.]b", "a/b"));
        assert!(!matches("{get,list}_*", "delete_all"));
        assert!(matches(r"what\?", "what?"));
    }

    #[test]
    fn a_pattern_that_cannot_match_is_refused() {
        for glob in ["", "[a", "{a,b", "a\\"] {
            assert!(Pattern::parse(glob).is_err(), "{glob}");
        }
    }

    #[test]
    fn deny_stands_over_allow_and_no_allow_allows_all() {
        let patterns = |globs: &[&str]| {
            globs
                .iter()
                .map(|glob| Pattern::parse(glob).unwrap())
                .collect()
        };
        let filter = Filter {
            allow: patterns(&["get_*"]),
            deny: patterns(&["*_secret"]),
        };
        assert!(filter.lets_through("get_page"));
        assert!(!filter.lets_through("get_secret"));
        assert!(!filter.lets_through("put_page"));
        let filter = Filter {
            allow: Vec::new(),
            deny: patterns(&["*_secret"]),
        };
        assert!(filter.lets_through("put_page"));
        assert!(!filter.lets_through("put_secret"));
    }
}
