//! What lists say beside their entries: of each backend the members of its pages that the gateway
//! gives no meaning, and of all backends together. Pure; knows nothing of entries.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::Capability;
use crate::mcp::{Members, key};

/// What belongs to the answer that a backend gave and not to the list: the gateway says its own.
const OF_THE_ANSWER: [&str; 4] = ["nextCursor", "resultType", "ttlMs", "cacheScope"];

/// By list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Remainder(HashMap<Capability, Members>);

impl Remainder {
    /// Notes down what a page says. What an earlier page of this list said gives way to it.
    pub(super) fn note(&mut self, kind: Capability, page: &Members) {
        let said = self.0.entry(kind).or_default();
        for (name, value) in page.iter() {
            if name == kind.list_key() || OF_THE_ANSWER.contains(&name) {
                continue;
            }
            let meta = (name == key::META).then(|| Members::of(value)).flatten();
            let Some(mut meta) = meta else {
                said.set(name, value.to_owned());
                continue;
            };
            // The gateway answers.
            if meta.remove(key::SERVER_INFO).is_none() {
                said.set(name, value.to_owned());
            } else if !meta.is_empty() {
                said.set(name, meta.to_raw());
            }
        }
    }

    /// Adds what the next backend says: what was said before counts, in `_meta` key by key.
    pub(super) fn add(&mut self, next: &Self) {
        for (kind, members) in &next.0 {
            let said = self.0.entry(*kind).or_default();
            for (name, value) in members.iter() {
                let Some(first) = said.get(name) else {
                    said.set(name, value.to_owned());
                    continue;
                };
                if name == key::META
                    && let (Some(mut first), Some(second)) =
                        (Members::of(first), Members::of(value))
                {
                    for (key, value) in second.iter() {
                        if first.get(key).is_none() {
                            first.set(key, value.to_owned());
                        }
                    }
                    said.set(name, first.to_raw());
                }
            }
        }
    }

    /// What stands beside this list.
    pub(super) fn of(&self, kind: Capability) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.get(&kind).into_iter().flat_map(Members::iter)
    }

    /// Whether a client must read this list again. `_meta` tells of one answer, and is no reason.
    pub(super) fn differs(&self, other: &Self, kind: Capability) -> bool {
        let lasting = |it: &Self| {
            let mut members = it.0.get(&kind).cloned().unwrap_or_default();
            members.remove(key::META);
            members
        };
        lasting(self) != lasting(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLS: Capability = Capability::Tool;

    fn page(text: &str) -> Remainder {
        let mut remainder = Remainder::default();
        remainder.note(TOOLS, &Members::parse(text).unwrap());
        remainder
    }

    fn said(remainder: &Remainder) -> String {
        let members = remainder.of(TOOLS);
        let members = members.map(|(key, value)| (key.to_owned(), value.to_owned()));
        String::from(members.collect::<Members>().to_raw().get())
    }

    #[test]
    fn what_has_no_meaning_here_is_kept_to_the_letter() {
        let all = page(
            r#"{"x":1e999,"tools":[],"nextCursor":"b","resultType":"complete","ttlMs":5,"cacheScope":"public","_meta":{"a" : 1}}"#,
        );
        assert_eq!(said(&all), r#"{"x":1e999,"_meta":{"a" : 1}}"#);
        let own = page(r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#);
        assert_eq!(said(&own), "{}");
    }

    #[test]
    fn a_later_page_gives_way_to_none_and_a_later_backend_to_the_first() {
        let mut one = page(r#"{"x":1,"y":1}"#);
        one.note(
            TOOLS,
            &Members::parse(r#"{"x":2,"_meta":{"a":1}}"#).unwrap(),
        );
        one.add(&page(r#"{"x":3,"z":3,"_meta":{"a":3,"b":3}}"#));
        assert_eq!(said(&one), r#"{"x":2,"y":1,"_meta":{"a":1,"b":3},"z":3}"#);
    }

    #[test]
    fn what_belongs_to_one_answer_is_no_reason_to_read_a_list_again() {
        let one = page(r#"{"x":1,"_meta":{"trace":1}}"#);
        assert!(!one.differs(&page(r#"{"x":1,"_meta":{"trace":2}}"#), TOOLS));
        assert!(one.differs(&page(r#"{"x":2}"#), TOOLS));
        assert!(!one.differs(&page(r#"{"x":2}"#), Capability::Prompt));
    }
}
