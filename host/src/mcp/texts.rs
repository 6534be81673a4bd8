//! The texts in a JSON value: each can be replaced, and everything else stays to the letter, at
//! any depth. Keys are no texts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Raw;

/// Shows `replace` every text in `json`, and gives the value with what it gave back in their
/// place; `None` when it gave back nothing at all.
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
        let Ok(said) = serde_json::from_str::<Cow<'_, str>>(&text[start..end]) else {
            // A surrogate alone: JSON, but no text that could be searched or shown.
            continue;
        };
        if let Some(said) = replace(&said)? {
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
        assert_eq!(replaced(r#"["\ud800x"]"#), None);
    }
}
