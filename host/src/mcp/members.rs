//! A JSON object whose values are kept as they were written: to change one member leaves every
//! other to the letter, numbers of any size and fields of any order included.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// JSON text of one value, as it came.
pub type Raw = Box<RawValue>;

/// The JSON of what is ours to say.
///
/// # Errors
/// What cannot be written as JSON: a map whose keys are no strings.
pub fn raw_of(value: &impl Serialize) -> serde_json::Result<Raw> {
    serde_json::value::to_raw_value(value)
}

/// The members of an object, in their order. A key that stands twice is kept twice; asked for,
/// the last counts, as with most readers.
#[derive(Debug, Clone, Default)]
pub struct Members(Vec<(String, Raw)>);

impl Members {
    /// Reads an object.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The members of a value, if it is an object.
    pub fn of(raw: &RawValue) -> Option<Self> {
        raw.get()
            .starts_with('{')
            .then(|| Self::parse(raw.get()).ok())
            .flatten()
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        let found = self.0.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    }

    /// The value of this key, if it is a string.
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// The value of this key, read as a `T`, if it is one.
    pub fn read<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Option<T> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// The value of this key, if it is an object.
    pub fn object(&self, key: &str) -> Option<Self> {
        Self::of(self.get(key)?)
    }

    /// Gives the key this value: in its place if it is there, else at the end.
    pub fn set(&mut self, key: &str, value: Raw) {
        let Some(at) = self.0.iter().position(|(name, _)| name == key) else {
            self.0.push((key.to_owned(), value));
            return;
        };
        self.0[at].1 = value;
        let mut index = 0;
        self.0.retain(|(name, _)| {
            index += 1;
            index - 1 <= at || name != key
        });
    }

    /// Takes the key out.
    pub fn remove(&mut self, key: &str) -> Option<Raw> {
        let mut removed = None;
        self.0.retain_mut(|(name, value)| {
            if name != key {
                return true;
            }
            removed = Some(std::mem::take(value));
            false
        });
        removed
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// Shows every value, to be changed or not.
    ///
    /// # Errors
    /// The first of `change`; what it changed before stays changed.
    pub fn try_for_each_mut<E>(
        &mut self,
        mut change: impl FnMut(&str, &mut Raw) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0
            .iter_mut()
            .try_for_each(|(key, value)| change(key, value))
    }

    /// The object as JSON text.
    pub fn to_raw(&self) -> Raw {
        // Strings as keys and JSON as values: nothing in it can fail to be written.
        raw_of(self).unwrap_or_default()
    }
}

/// Equal are objects with the same members in the same order, spelled alike.
impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        let spelled = |it: &Self| -> Vec<(String, String)> {
            it.iter()
                .map(|(key, value)| (key.to_owned(), value.get().to_owned()))
                .collect()
        };
        spelled(self) == spelled(other)
    }
}

impl FromIterator<(String, Raw)> for Members {
    fn from_iter<I: IntoIterator<Item = (String, Raw)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_change_one_member_leaves_the_others_to_the_letter() {
        let text = r#"{"z":123456789012345678901234567890,"name":"a","f":1.0e400,"a":{"b" : [ ]}}"#;
        let mut members = Members::parse(text).unwrap();
        members.set("name", raw_of(&"shown").unwrap());
        assert_eq!(
            members.to_raw().get(),
            text.replace(r#""a","f""#, r#""shown","f""#)
        );
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts_and_to_set_it_leaves_one() {
        let mut members = Members::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(members.read::<u8>("a"), Some(3));
        members.set("a", raw_of(&4).unwrap());
        assert_eq!(members.to_raw().get(), r#"{"a":4,"b":2}"#);
        assert_eq!(members.remove("a").unwrap().get(), "4");
        assert_eq!(members.to_raw().get(), r#"{"b":2}"#);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Members::parse(&deep).unwrap().to_raw().get(), deep);
    }
}
