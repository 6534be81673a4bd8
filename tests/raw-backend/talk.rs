//! What is said back and forth: answers, what precedes them, what is asked of clients, and what is
//! said beside any call.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use crate::tasks::Tasks;
use crate::{Fields, answer, golden};

/// Says one message. False: nobody hears it any more.
pub(crate) type Say = dyn Fn(&str) -> bool + Send;

/// Where something can be said beside any call.
struct Stream {
    /// The request that it began with, in the new era.
    listens: Option<String>,
    say: Box<Say>,
}

pub(crate) struct World {
    is_new: bool,
    pub(crate) tasks: Option<Tasks>,
    /// What came and nobody waited for, as it came.
    heard: Mutex<Vec<String>>,
    /// Who waits for an answer, by the id of the question.
    waiting: Mutex<HashMap<String, Sender<String>>>,
    streams: Mutex<Vec<Stream>>,
    /// The newest `subscriptions/listen`, which over stdio has no stream of its own.
    newest: Mutex<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text of this member.
pub(crate) fn text(fields: &Fields, key: &str) -> String {
    let value = fields.get(key);
    let text = value.and_then(|value| serde_json::from_str(value.get()).ok());
    text.unwrap_or_default()
}

fn inside(fields: &Fields, key: &str) -> Fields {
    let value = fields.get(key).map_or("{}", |it| it.get());
    serde_json::from_str(value).unwrap_or_default()
}

/// Whether what this asks for needs other messages to come.
pub(crate) fn waits(line: &str) -> bool {
    [
        r#""name":"ask""#,
        r#""name":"withdraw""#,
        r#""name":"hold""#,
    ]
    .iter()
    .any(|it| line.contains(it))
}

/// Whether what this asks for has more than one message for an answer.
pub(crate) fn streams(is_new: bool, line: &str) -> bool {
    let listens = line.contains(r#""method":"subscriptions/listen""#);
    let asks = line.contains(r#""name":"ask""#) || line.contains(r#""name":"withdraw""#);
    line.contains(r#""name":"tell""#) || if is_new { listens } else { asks }
}

/// As a server of its era says it.
pub(crate) fn response(
    is_new: bool,
    id: &RawValue,
    method: &str,
    outcome: Result<String, String>,
) -> String {
    let cacheable = method.contains("/list") || method == "resources/read";
    let said = match outcome {
        Ok(result) if !is_new || result.contains(r#""resultType":"#) => {
            format!(r#""result":{result}"#)
        }
        Ok(result) => {
            let hint = if cacheable {
                r#""ttlMs":5,"cacheScope":"public","#
            } else {
                ""
            };
            format!(
                r#""result":{{"resultType":"complete",{hint}{}"#,
                &result[1..]
            )
        }
        Err(error) => format!(r#""error":{error}"#),
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},{said}}}"#)
}

fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

impl World {
    pub(crate) fn new(is_new: bool, tasks: Option<&str>) -> Self {
        Self {
            is_new,
            tasks: tasks.map(Tasks::new),
            heard: Mutex::default(),
            waiting: Mutex::default(),
            streams: Mutex::default(),
            newest: Mutex::default(),
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// From now on this hears what is said beside any call.
    pub(crate) fn listen(&self, listens: Option<String>, say: Box<Say>) {
        locked(&self.streams).push(Stream { listens, say });
    }

    /// Takes one message, and says what it leads to.
    pub(crate) fn hear(&self, line: &str, say: &(dyn Fn(&str) -> bool + Send + 'static)) {
        let Ok(fields) = serde_json::from_str::<Fields>(line) else {
            return;
        };
        let method = text(&fields, "method");
        match fields.get("id") {
            Some(id) if method.is_empty() => {
                let said = fields.get("result").or_else(|| fields.get("error"));
                let asker = locked(&self.waiting).remove(id.get());
                match (asker, said) {
                    // Whoever asked may not wait any more.
                    (Some(asker), Some(said)) => drop(asker.send(said.get().to_owned())),
                    _ => locked(&self.heard).push(line.to_owned()),
                }
            }
            Some(id) => {
                if method == "logging/setLevel" {
                    locked(&self.heard).push(line.to_owned());
                }
                let params = fields.get("params").map_or("{}", |it| it.get());
                self.request(id, &method, params, say);
            }
            None if method == "notifications/initialized" => {}
            None => {
                let token = inside(&fields, "params").remove("progressToken");
                let waits = token.and_then(|it| locked(&self.waiting).remove(it.get()));
                match waits {
                    Some(waits) => drop(waits.send(String::new())),
                    None => locked(&self.heard).push(line.to_owned()),
                }
            }
        }
    }

    fn request(&self, id: &RawValue, method: &str, params: &str, say: &Say) {
        let fields: Fields = serde_json::from_str(params).unwrap_or_default();
        let name = if method == "tools/call" {
            text(&fields, "name")
        } else {
            String::new()
        };
        let result = match name.as_str() {
            "tell" => {
                let meta = inside(&fields, "_meta");
                self.tell(meta.get("progressToken").map_or("0", |it| it.get()), say)
            }
            "ask" => self.ask(&fields, say),
            "withdraw" => self.withdraw(say),
            "heard" => {
                let heard = std::mem::take(&mut *locked(&self.heard));
                format!(r#"{{"content":[],"heard":[{}]}}"#, heard.join(","))
            }
            "announce" => {
                let result = Ok(r#"{"content":[]}"#.to_owned());
                say(&response(self.is_new, id, method, result));
                return self.announce();
            }
            "beside" => {
                let result = Ok(r#"{"content":[]}"#.to_owned());
                say(&response(self.is_new, id, method, result));
                let question = r#"{"jsonrpc":"2.0","id":"beside","method":"roots/list"}"#;
                return locked(&self.streams).retain(|stream| (stream.say)(question));
            }
            _ if method == "subscriptions/listen" && self.is_new => {
                let asked = fields.get("notifications").map_or("{}", |it| it.get());
                let params = format!(
                    r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{asked}}}"#
                );
                say(&notification(
                    "notifications/subscriptions/acknowledged",
                    &params,
                ));
                id.get().clone_into(&mut locked(&self.newest));
                return;
            }
            _ => {
                if let Some(answer) = answer(self, id, method, params) {
                    say(&answer);
                }
                return;
            }
        };
        say(&response(self.is_new, id, method, Ok(result)));
    }

    fn tell(&self, token: &str, say: &Say) -> String {
        for (method, params) in golden::TOLD {
            let params = match params.strip_prefix('{') {
                Some(_) => params.to_owned(),
                None => format!(r#"{{"progressToken":{token},{params}}}"#),
            };
            say(&notification(method, &params));
        }
        golden::CALLED.to_owned()
    }

    fn ask(&self, fields: &Fields, say: &Say) -> String {
        if self.is_new {
            let state = golden::STATE;
            if let Some(answers) = fields.get("inputResponses") {
                let back = fields.get("requestState").map_or("null", |it| it.get());
                return format!(r#"{{"content":[],"answers":{answers},"state":{back}}}"#);
            }
            let asked = golden::ASKED.map(|(name, method, params)| {
                format!(r#""{name}":{{"method":"{method}","params":{params}}}"#)
            });
            let asked = asked.join(",");
            return format!(
                r#"{{"resultType":"input_required","inputRequests":{{{asked}}},"requestState":{state},"odd":1.0}}"#
            );
        }
        let answers = golden::ASKED.map(|(name, method, params)| {
            let (asker, answered) = channel();
            locked(&self.waiting).insert(format!(r#""{name}""#), asker);
            // With a token, as the request of a server of that era has one.
            let params = params.replacen('{', r#"{"_meta":{"progressToken":"t"},"#, 1);
            say(&format!(
                r#"{{"jsonrpc":"2.0","id":"{name}","method":"{method}","params":{params}}}"#
            ));
            let answer = answered.recv().unwrap_or_default();
            format!(r#""{name}":{answer}"#)
        });
        format!(r#"{{"content":[],"answers":{{{}}}}}"#, answers.join(","))
    }

    fn withdraw(&self, say: &Say) -> String {
        let (_, method, params) = golden::ASKED[0];
        let params = params.replacen('{', r#"{"_meta":{"progressToken":"gone"},"#, 1);
        let (is_asked, asked) = channel();
        locked(&self.waiting).insert(r#""gone""#.to_owned(), is_asked);
        say(&format!(
            r#"{{"jsonrpc":"2.0","id":"gone","method":"{method}","params":{params}}}"#
        ));
        // Once the client says that it has begun.
        let _ = asked.recv();
        let params = format!(r#"{{"requestId":"gone",{}}}"#, golden::WORDS);
        say(&notification("notifications/cancelled", &params));
        golden::CALLED.to_owned()
    }

    fn announce(&self) {
        let updated = "notifications/resources/updated";
        locked(&self.streams).retain(|stream| {
            if !self.is_new {
                return (stream.say)(&notification(updated, golden::UPDATED))
                    && (stream.say)(&notification("notifications/vendor/news", golden::NEWS));
            }
            let newest = locked(&self.newest).clone();
            let id = stream.listens.as_ref().unwrap_or(&newest);
            let meta = format!(r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"#);
            (stream.say)(&notification(
                updated,
                &golden::UPDATED.replacen('{', &meta, 1),
            ))
        });
    }
}
