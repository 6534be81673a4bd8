//! Gives each call a trace context, where its client has given none: a `traceparent` in `_meta`, as
//! the MCP specification of 2026-07-28 has it, and when the call came. So a backend that traces can
//! tell one call from another. It needs random numbers and the time of day, in `trace.yaml` beside
//! `trace.wasm`:
//!
//! ```yaml
//! grants: {random: true, clock: true}
//! ```
//!
//! ```yaml
//! middleware:
//!   - trace: {sampled: 0.1}   # the share of traces that are kept, 0 to 1; without it, all
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use config_sync_sdk::{
    Decision, Middleware, MiddlewareDescriptor, Problem, Request, Settings, Ways,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use wasip2::random::random::get_random_u64;

/// When the host was asked to pass a call on, in milliseconds since the Unix epoch.
const CAME: &str = "config-sync/came";
/// W3C Trace Context, section 3.2.
const PARENT: &str = "traceparent";

/// The middleware `trace`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trace {
    sampled: f64,
}

config_sync_sdk::export!(middleware: Trace);

impl Default for Trace {
    fn default() -> Self {
        Self { sampled: 1.0 }
    }
}

impl Middleware for Trace {
    fn describe() -> MiddlewareDescriptor {
        MiddlewareDescriptor {
            summary: "gives each call a trace context".into(),
            ways: Ways::REQUEST,
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let trace: Self = serde_json::from_value(settings.into())
            .map_err(|error| vec![Problem::error("", error.to_string())])?;
        match (0.0..=1.0).contains(&trace.sampled) {
            true => Ok(trace),
            false => Err(vec![Problem::error("sampled", "must be from 0 to 1")]),
        }
    }

    fn on_request(&self, request: &Request) -> Result<Decision, String> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let came = since.map_err(|error| error.to_string())?.as_millis();
        let random = [get_random_u64(), get_random_u64(), get_random_u64()];
        self.marked(request, u64::try_from(came).unwrap_or(u64::MAX), random)
    }
}

impl Trace {
    /// The call with what it lacks.
    fn marked(&self, request: &Request, came: u64, random: [u64; 3]) -> Result<Decision, String> {
        let mut params = request.params()?;
        let meta = params.entry("_meta").or_insert_with(|| Map::new().into());
        // Whatever else a client sends there is for the backend to refuse.
        let Value::Object(meta) = meta else {
            return Ok(Decision::Pass);
        };
        meta.entry(PARENT)
            .or_insert_with(|| self.parent(random).into());
        meta.insert(CAME.to_owned(), came.into());
        Ok(Decision::change(params))
    }

    /// A new trace. No identifier is all zeros, for that is none.
    fn parent(&self, [high, low, span]: [u64; 3]) -> String {
        // The lower half is as random as the whole.
        let share = f64::from(low as u32) / f64::from(u32::MAX);
        let flags = u8::from(self.sampled > 0.0 && share <= self.sampled);
        format!(
            "00-{high:016x}{:016x}-{:016x}-{flags:02x}",
            low | 1,
            span | 1
        )
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::{request, sections};
    use serde_json::json;

    use super::*;

    fn meta(trace: &Trace, given: Value, random: [u64; 3]) -> Option<Value> {
        let request = request("add", json!({ "name": "add", "_meta": given }));
        match trace.marked(&request, 7, random).unwrap() {
            Decision::Change(params) => {
                Some(serde_json::from_str::<Value>(&params).unwrap()["_meta"].take())
            }
            _ => None,
        }
    }

    #[test]
    fn a_call_without_a_trace_gets_one() {
        assert_eq!(
            meta(&Trace::default(), json!({ "a": 1 }), [0xab, 2, 4]),
            Some(json!({
                "a": 1,
                "traceparent": "00-00000000000000ab0000000000000003-0000000000000005-01",
                "config-sync/came": 7,
            }))
        );
        assert_eq!(meta(&Trace::default(), json!(3), [1, 2, 3]), None);
    }

    #[test]
    fn a_trace_of_the_client_goes_on() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00";
        let meta = meta(
            &Trace::default(),
            json!({ "traceparent": given }),
            [1, 2, 3],
        )
        .unwrap();
        assert_eq!(meta["traceparent"], given);
    }

    #[test]
    fn only_a_share_is_sampled() {
        let flags = |sampled: f64, low: u64| Trace { sampled }.parent([1, low, 1]).pop();
        assert_eq!(flags(0.0, 0), Some('0'));
        assert_eq!(flags(0.5, u64::from(u32::MAX / 4)), Some('1'));
        assert_eq!(flags(0.5, u64::from(u32::MAX)), Some('0'));
        assert_eq!(flags(1.0, u64::from(u32::MAX)), Some('1'));
        let wrong = Trace::configure(sections(json!({ "sampled": 2 }))).unwrap_err();
        assert_eq!(wrong[0].path, "sampled");
    }
}
