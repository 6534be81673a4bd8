//! What stands behind the `?`: which events are wanted, how many attempts. Everything that is not
//! known is refused by name, so that nobody believes in a filter that filters nothing.

use axum::http::StatusCode;

use super::{Problem, SaveTo};
use crate::events::EventKind;

/// Which events are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<EventKind>);

impl Filter {
    /// `type=error,changed` or `type=error&type=changed`; all of them, without.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut kinds = Vec::new();
        for (name, value) in pairs(query) {
            if name != "type" {
                return Err(unknown(name, "`type`"));
            }
            for word in value.split(',').filter(|word| !word.is_empty()) {
                let known = EventKind::ALL.into_iter();
                let kind = known.clone().find(|kind| kind.as_str() == word);
                kinds.push(kind.ok_or_else(|| {
                    let known: Vec<_> = known.map(EventKind::as_str).collect();
                    bad(format!(
                        "no event has the type `{word}`; there are {}",
                        known.join(", ")
                    ))
                })?);
            }
        }
        Ok(Self(kinds))
    }

    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.0.is_empty() || self.0.contains(&kind)
    }
}

/// `count=20`.
pub(super) fn count(query: Option<&str>, default: usize) -> Result<usize, Problem> {
    let mut count = default;
    for (name, value) in pairs(query) {
        if name != "count" {
            return Err(unknown(name, "`count`"));
        }
        count = value
            .parse()
            .map_err(|_| bad(format!("`count` is a whole number, not `{value}`")))?;
    }
    Ok(count)
}

/// `to=file`; the store, without.
pub(super) fn save_to(query: Option<&str>) -> Result<SaveTo, Problem> {
    let mut to = SaveTo::Store;
    for (name, value) in pairs(query) {
        to = match (name, value) {
            ("to", "store") => SaveTo::Store,
            ("to", "file") => SaveTo::File,
            ("to", _) => return Err(bad(format!("`to` is `store` or `file`, not `{value}`"))),
            _ => return Err(unknown(name, "`to`")),
        };
    }
    Ok(to)
}

/// `connect=true`; false, without.
pub(super) fn connect(query: Option<&str>) -> Result<bool, Problem> {
    let mut connect = false;
    for (name, value) in pairs(query) {
        connect = match (name, value) {
            ("connect", "true" | "") => true,
            ("connect", "false") => false,
            ("connect", _) => {
                return Err(bad(format!(
                    "`connect` is `true` or `false`, not `{value}`"
                )));
            }
            _ => return Err(unknown(name, "`connect`")),
        };
    }
    Ok(connect)
}

/// Nothing.
pub(super) fn none(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query).next() {
        Some((name, _)) => Err(unknown(name, "none")),
        None => Ok(()),
    }
}

/// Every value is a word or a number: nothing in them is percent-encoded.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let pairs = pairs.filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn unknown(name: &str, known: &str) -> Problem {
    bad(format!(
        "no parameter `{name}` is known here; known: {known}"
    ))
}

fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_types_in_either_way_and_no_others() {
        let read = |query| Filter::read(Some(query));
        let both = Filter(vec![EventKind::Error, EventKind::NoChange]);
        assert_eq!(read("type=error,no-change"), Ok(both));
        assert_eq!(
            read("type=error&type=no-change"),
            read("type=error,no-change")
        );
        assert_eq!(Filter::read(None), Ok(Filter::default()));
        let detail = read("type=eror").unwrap_err().detail;
        assert!(
            detail.contains("`eror`") && detail.contains("no-change"),
            "{detail}"
        );
        assert!(read("typ=error").unwrap_err().detail.contains("`typ`"));
    }

    #[test]
    fn a_count_is_a_number() {
        assert_eq!(count(None, 20), Ok(20));
        assert_eq!(count(Some("count=3"), 20), Ok(3));
        assert!(count(Some("count=-3"), 20).is_err());
        assert!(none(Some("x")).is_err());
    }
}
