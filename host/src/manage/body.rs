//! What stands in the body of a request: JSON, with nothing in it that is not known.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::Problem;

/// An object with anything in it.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    let read: Result<Value, _> = serde_json::from_slice(body);
    match read {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(bad("the body is JSON, but not an object: {\"KEY\": VALUE}")),
        Err(error) => Err(bad(format!("the body is not JSON: {error}"))),
    }
}

/// `{"to": 7}`; nothing, without.
pub(super) fn generation(body: &[u8]) -> Result<Option<u64>, Problem> {
    let mut to = None;
    for (key, value) in object(body)? {
        if key != "to" {
            return Err(bad(format!("no field `{key}` is known here; known: `to`")));
        }
        if !value.is_null() {
            let number = value.as_u64();
            to = Some(number.ok_or_else(|| bad("`to` is the number of a generation"))?);
        }
    }
    Ok(to)
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_object_and_says_nothing_unknown() {
        assert_eq!(object(b" "), Ok(Map::new()));
        assert!(object(b"[]").unwrap_err().detail.contains("not an object"));
        assert!(object(b"{").unwrap_err().detail.contains("not JSON"));
        assert_eq!(generation(b""), Ok(None));
        assert_eq!(generation(br#"{"to": 7}"#), Ok(Some(7)));
        for wrong in [&br#"{"to": -7}"#[..], br#"{"too": 7}"#, br#"{"to": "7"}"#] {
            assert_eq!(generation(wrong).unwrap_err().status, 400);
        }
    }
}
