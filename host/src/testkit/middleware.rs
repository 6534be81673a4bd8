//! A middleware on the bench: it takes its settings, and is asked about calls, as the host asks.

use serde_json::{Map, Value, json};

use super::calls::{Call, Reply};
use super::session::{Answer, answer, of_fault, of_problems};
use super::words;
use crate::events::Fault;
use crate::gateway::{Decision, Method, MiddlewarePlugin, Refusal, Revision, Shown, Unusable};
use crate::mcp::{Members, raw_of};
use crate::plugin::OpenedMiddleware;

/// A fresh instance takes these settings, if it does.
pub(super) fn configure(
    opened: &OpenedMiddleware,
    settings: &Map<String, Value>,
) -> (Option<Box<dyn MiddlewarePlugin>>, Answer) {
    match opened.configure(settings) {
        Ok(configured) => (Some(configured), answer(json!({ "answer": "ready" }))),
        Err(Unusable::Problems(problems)) => (None, of_problems(&problems)),
        Err(Unusable::Fault(fault)) => (None, of_fault(&fault)),
    }
}

/// What it makes of a call.
pub(super) fn request(middleware: &dyn MiddlewarePlugin, call: &Call) -> Answer {
    if !middleware.ways().request {
        return answer(json!({ "answer": words::ASLEEP }));
    }
    match middleware.on_request(&shown(call)) {
        Ok(Decision::Pass) => answer(json!({ "answer": "pass" })),
        Ok(Decision::Change(params)) => {
            answer(json!({ "answer": "change", "params": object(&params) }))
        }
        Ok(Decision::Answer(result)) => {
            answer(json!({ "answer": "answer", "result": object(&result) }))
        }
        Ok(Decision::Refuse(refusal)) => refused(&refusal),
        Err(fault) => of_fault(&fault),
    }
}

/// What it makes of what came back.
pub(super) fn response(middleware: &dyn MiddlewarePlugin, call: &Call, reply: &Reply) -> Answer {
    if !middleware.ways().response {
        return answer(json!({ "answer": words::ASLEEP }));
    }
    let reply = match reply {
        Reply::Result(result) => Ok(result.to_string()),
        Reply::Error {
            code,
            message,
            data,
        } => Err(Refusal {
            code: (*code).into(),
            message: message.clone(),
            data: data.as_ref().and_then(|data| raw_of(data).ok()),
        }),
    };
    let revision: Result<Revision, Fault> = middleware.on_response(&shown(call), reply);
    match revision {
        Ok(Revision::Pass) => answer(json!({ "answer": "pass" })),
        Ok(Revision::Change(result)) => {
            answer(json!({ "answer": "change", "result": object(&result) }))
        }
        Ok(Revision::Refuse(refusal)) => refused(&refusal),
        Err(fault) => of_fault(&fault),
    }
}

fn shown(call: &Call) -> Shown {
    Shown {
        id: 1,
        client: call.client.clone(),
        caller: call.caller.clone(),
        method: match call.method {
            "prompts/get" => Method::GetPrompt,
            "resources/read" => Method::ReadResource,
            _ => Method::CallTool,
        },
        name: call.name.clone(),
        backend: call.backend.clone(),
        params: call.params.to_string(),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let mut told = json!({ "code": refusal.code, "message": refusal.message });
    if let Some(data) = &refusal.data {
        told["data"] = json_of(data.get());
    }
    answer(json!({ "answer": "refuse", "refuse": told }))
}

fn object(members: &Members) -> Value {
    json_of(members.to_raw().get())
}

/// As JSON; as text, where it is more than the bench can read.
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}
