//! JSON-RPC 2.0 messages. Only the envelope is read; parameters, results and errors' data stay
//! the text they were.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Members, Raw, RpcError};

/// The name of a request: a string or a number, spelled as its sender spelled it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id(Box<str>);

impl Id {
    /// The id that a peer wrote. `None`: it is neither a string nor a number.
    pub fn of(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let fits = text.starts_with(['"', '-']) || text.starts_with(|c: char| c.is_ascii_digit());
        fits.then(|| Self(text.into()))
    }

    /// As JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// As a value to put into a message.
    pub fn to_raw(&self) -> Raw {
        // It was cut out of a message that could be read, or is a number of ours.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The number, if it is one that we may have given.
    pub fn number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Asks for a response.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name.
    pub id: Id,
    /// What is asked.
    pub method: String,
    /// With what.
    pub params: Option<Raw>,
}

/// Asks for nothing.
#[derive(Debug, Clone)]
pub struct Notification {
    /// What happened.
    pub method: String,
    /// The details.
    pub params: Option<Raw>,
}

/// The end of a request.
#[derive(Debug, Clone)]
pub struct Response {
    /// Of which request. `None` where that could not be made out.
    pub id: Option<Id>,
    /// How it ended.
    pub result: Result<Raw, RpcError>,
}

/// One message.
#[derive(Debug, Clone)]
pub enum Message {
    /// Asks for a response.
    Request(Request),
    /// Asks for nothing.
    Notification(Notification),
    /// The end of a request.
    Response(Response),
}

/// Why bytes are no message, and whose request they were, if that much can be made out.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The request that would wait for ever, if nobody said so.
    pub id: Option<Id>,
    /// It has a method, so it is no response.
    pub asks: bool,
    /// What to tell the sender.
    pub error: RpcError,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A member that is `null` is there.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// Bytes that are no JSON, or JSON that is no message: with the answer that its sender gets.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let nameless = |code, message: String| Unreadable {
            id: None,
            asks: false,
            error: RpcError::new(code, message),
        };
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            let say = "batches are not spoken here: send one message at a time";
            return Err(nameless(RpcError::INVALID_REQUEST, say.to_owned()));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| {
            let code = match error.classify() {
                serde_json::error::Category::Data => RpcError::INVALID_REQUEST,
                _ => RpcError::PARSE_ERROR,
            };
            nameless(code, format!("this is no JSON-RPC message: {error}"))
        })?;
        let id = envelope.id.and_then(Id::of);
        let refuse = |say: &str| Unreadable {
            id: id.clone(),
            asks: envelope.method.is_some(),
            error: RpcError::new(RpcError::INVALID_REQUEST, say),
        };
        if envelope.jsonrpc.map(RawValue::get) != Some(r#""2.0""#) {
            return Err(refuse(r#"a message has the member "jsonrpc": "2.0""#));
        }
        let params = envelope.params.map(ToOwned::to_owned);
        if let Some(method) = envelope.method {
            let method = serde_json::from_str(method.get())
                .map_err(|_| refuse("the method of a message is a string"))?;
            return Ok(match (id, envelope.id) {
                (Some(id), _) => Self::Request(Request { id, method, params }),
                (None, None) => Self::Notification(Notification { method, params }),
                (None, Some(_)) => {
                    return Err(Unreadable {
                        id: None,
                        asks: true,
                        error: RpcError::new(
                            RpcError::INVALID_REQUEST,
                            "the id of a request is a string or a number",
                        ),
                    });
                }
            });
        }
        let result = match (envelope.result, envelope.error) {
            (Some(result), None) => Ok(result.to_owned()),
            (None, Some(error)) => Err(serde_json::from_str(error.get())
                .map_err(|_| refuse("an error has a code and a message"))?),
            _ => return Err(refuse("a message has a method, a result or an error")),
        };
        Ok(Self::Response(Response { id, result }))
    }

    /// As one line of JSON, without the line's end.
    pub fn to_line(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Out<'a> {
            jsonrpc: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            method: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            params: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            result: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a RpcError>,
        }
        let id = match self {
            Self::Request(it) => Some(it.id.to_raw()),
            Self::Notification(_) => None,
            Self::Response(it) => it.id.as_ref().map(Id::to_raw),
        };
        let mut out = Out {
            jsonrpc: "2.0",
            id: id.as_deref(),
            method: None,
            params: None,
            result: None,
            error: None,
        };
        match self {
            Self::Request(Request { method, params, .. })
            | Self::Notification(Notification { method, params }) => {
                out.method = Some(method);
                out.params = params.as_deref();
            }
            Self::Response(it) => match &it.result {
                Ok(result) => out.result = Some(result),
                Err(error) => out.error = Some(error),
            },
        }
        // Strings and JSON: nothing in it can fail to be written.
        let mut line = serde_json::to_vec(&out).unwrap_or_default();
        // Between the tokens of a text that came over HTTP; inside of strings JSON has none.
        for byte in &mut line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        line
    }
}

impl Request {
    /// Its parameters, none where it has none.
    ///
    /// # Errors
    /// Parameters that are no object.
    pub fn members(&self) -> Result<Members, RpcError> {
        members(self.params.as_deref())
    }
}

impl Notification {
    /// Its parameters, none where it has none.
    ///
    /// # Errors
    /// Parameters that are no object.
    pub fn members(&self) -> Result<Members, RpcError> {
        members(self.params.as_deref())
    }
}

fn members(params: Option<&RawValue>) -> Result<Members, RpcError> {
    params.map_or_else(
        || Ok(Members::default()),
        |raw| {
            Members::of(raw).ok_or_else(|| {
                RpcError::new(RpcError::INVALID_PARAMS, "`params` must be an object")
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        String::from_utf8(Message::parse(text.as_bytes()).unwrap().to_line()).unwrap()
    }

    #[test]
    fn a_message_is_written_as_it_was_read() {
        for text in [
            r#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{"n":1e999,"é":[]}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
            r#"{"jsonrpc":"2.0","id":-1.5,"result":null}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no","data":null}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no","data":[18446744073709551616]}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no","far":1e999,"a":null}}"#,
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn line_ends_between_tokens_do_not_end_the_line() {
        let text =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\r\n\"method\":\"m\",\"params\":{\n\"a\":\n\"\\n\"}}";
        let expected = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{ "a": "\n"}}"#;
        assert_eq!(line(text), expected);
    }

    #[test]
    fn what_is_no_message_is_answered_as_far_as_it_can_be_made_out() {
        for (text, id, code, asks) in [
            ("nonsense", None, RpcError::PARSE_ERROR, false),
            ("\u{0}\u{ff}", None, RpcError::PARSE_ERROR, false),
            ("[]", None, RpcError::INVALID_REQUEST, false),
            ("7", None, RpcError::INVALID_REQUEST, false),
            (
                r#"{"id":7,"method":"m"}"#,
                Some("7"),
                RpcError::INVALID_REQUEST,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
                None,
                RpcError::INVALID_REQUEST,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":2}"#,
                Some("1"),
                RpcError::INVALID_REQUEST,
                true,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1}"#,
                Some("1"),
                RpcError::INVALID_REQUEST,
                false,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":"x"}"#,
                Some("1"),
                RpcError::INVALID_REQUEST,
                false,
            ),
        ] {
            let bad = Message::parse(text.as_bytes()).unwrap_err();
            assert_eq!(bad.id.as_ref().map(Id::as_json), id, "{text}");
            assert_eq!(
                (bad.error.code, bad.asks),
                (code, asks),
                "{text}: {}",
                bad.error
            );
        }
    }
}
