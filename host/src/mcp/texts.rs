//! The texts in a JSON value: each can be replaced, and everything else stays to the letter, at
//! any depth. Keys are no texts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::Raw;

/// Shows `replace` every text in `json`, and gives the value with what it gave back in their
/// place; `None` when it gave back nothing at all. Half a character (a surrogate alone, which JSON
/// can hold and text cannot) is shown as U+FFFD.
///
/// # Errors
/// The first error of `replace`.
pub fn replace_texts<E>(
    json: &RawValue,
    mut replace: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<Raw>, E> {
    let text = json.get();
    let bytes = text.as_bytes();
    let (mut new, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(start) = bytes[at..].iter().position(|byte| *byte == b'"') {
        let start = at + start;
        let end = end_of_string(bytes, start);
        at = end;
        let follows = bytes[end..].trim_ascii_start().first();
        if follows == Some(&b':') {
            continue;
        }
        if let Some(said) = replace(&said_in(&text[start..end]))? {
            new.push_str(&text[copied..start]);
            new.push_str(&serde_json::to_string(&said).unwrap_or_default());
            copied = end;
        }
    }
    if copied == 0 {
        return Ok(None);
    }
    new.push_str(&text[copied..]);
    // Strings in the place of strings: it is JSON as it was.
    Ok(RawValue::from_string(new).ok())
}

/// What this string says.
fn said_in(string: &str) -> Cow<'_, str> {
    serde_json::from_str(string).unwrap_or_else(|_| {
        let said = serde_json::from_str(string).map(|Lossy(said)| said);
        Cow::Owned(said.unwrap_or_default())
    })
}

/// A string with half a character in it. As bytes such a one can be read.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes).map(Self)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Where the string ends that begins at `start`, in JSON that was read already.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(json: &str) -> Option<String> {
        let json: Raw = serde_json::from_str(json).unwrap();
        let shout = |text: &str| Ok::<_, ()>(text.contains('x').then(|| text.replace('x', "\"")));
        let new = replace_texts(&json, shout).unwrap();
        new.map(|it| it.get().to_owned())
    }

    #[test]
    fn only_the_texts_that_are_replaced_differ() {
        let json = r#"{"x" : "a\u0078b", "n":1e999,"k":["x",{"\"x":"\\"}], "u":"\u00e9"}"#;
        let new = r#"{"x" : "a\"b", "n":1e999,"k":["\"",{"\"x":"\\"}], "u":"\u00e9"}"#;
        assert_eq!(replaced(json).as_deref(), Some(new));
        assert_eq!(replaced(r#"{"x":["y",7]}"#), None);
        assert_eq!(replaced(r#""x""#).as_deref(), Some(r#""\"""#));
    }

    #[test]
    fn half_a_character_hides_nothing() {
        for half in [r"\ud83d", r"\uDE00", r"\ud83d\ud83d", r"\ud83d\n"] {
            let new = replaced(&format!(r#"["{half} x {half}", "{half}"]"#)).unwrap();
            let texts: Vec<String> = serde_json::from_str(&new.replace(half, "")).unwrap();
            assert!(texts[0].contains(" \" "), "{new}");
            assert!(texts[0].contains('\u{fffd}'), "{new}");
            assert!(new.ends_with(&format!(r#", "{half}"]"#)), "{new}");
        }
        let whole = r#"["\ud83d\ude00x"]"#;
        assert_eq!(replaced(whole).as_deref(), Some("[\"\u{1f600}\\\"\"]"));
    }
}
