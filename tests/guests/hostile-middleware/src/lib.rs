//! A middleware that does as the arguments of a call say: `{"in": WAY, "sin": NAME}`, where the
//! way is `request` or `response`. A call that commands nothing passes. `configure` sins where the
//! settings say `sin`.

use config_sync_sdk::{
    Decision, Middleware, MiddlewareDescriptor, Problem, Refusal, Reply, Request, Revision,
    Settings, Ways,
};
use serde_json::{Value, json};

#[path = "../../sins.rs"]
mod sins;

/// The middleware that sins.
pub struct Hostile;

config_sync_sdk::export!(middleware: Hostile);

impl Middleware for Hostile {
    fn describe() -> MiddlewareDescriptor {
        sins::before_all();
        MiddlewareDescriptor {
            summary: "misbehaves on command".into(),
            ways: Ways::REQUEST | Ways::RESPONSE,
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        match settings.get("sin").and_then(Value::as_str) {
            None => Ok(Self),
            Some(sin) => sins::commit(sin)
                .map(|()| Self)
                .map_err(|refusal| vec![Problem::error("sin", refusal)]),
        }
    }

    fn on_request(&self, request: &Request) -> Result<Decision, String> {
        Ok(match command(request, "request").as_deref() {
            None => Decision::Pass,
            Some("garbage") => Decision::Change("no JSON".to_owned()),
            Some("list") => Decision::Answer("[1]".to_owned()),
            // The host keeps what names the tool.
            Some("astray") => Decision::Change(r#"{"name":"elsewhere"}"#.to_owned()),
            Some("answer") => Decision::Answer(text("answered")),
            Some("deny") => Decision::Refuse(denied()),
            Some(sin) => sins::commit(sin).map(|()| Decision::Pass)?,
        })
    }

    fn on_response(&self, request: &Request, reply: &Reply) -> Result<Revision, String> {
        Ok(match command(request, "response").as_deref() {
            None => Revision::Pass,
            Some("garbage") => Revision::Change("no JSON".to_owned()),
            Some("list") => Revision::Change("[1]".to_owned()),
            Some("answer") => Revision::Change(match reply {
                Reply::Result(_) => text("answered"),
                Reply::Error(error) => text(&error.message),
            }),
            Some("deny") => Revision::Refuse(denied()),
            Some(sin) => sins::commit(sin).map(|()| Revision::Pass)?,
        })
    }
}

/// The sin that is commanded on this way.
fn command(request: &Request, way: &str) -> Option<String> {
    let params = request.params().ok()?;
    let arguments = params.get("arguments")?;
    let says = |key: &str| arguments.get(key).and_then(Value::as_str);
    says("sin")
        .filter(|_| says("in") == Some(way))
        .map(str::to_owned)
}

fn text(text: &str) -> String {
    json!({"content": [{"type": "text", "text": text}]}).to_string()
}

fn denied() -> Refusal {
    Refusal {
        data: Some(r#"{"by":"hostile"}"#.to_owned()),
        ..Refusal::new(-32050, "denied as commanded")
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::request;

    use super::*;

    #[test]
    fn each_way_sins_only_when_it_is_named() {
        let refuse = |way: &str| {
            let arguments = json!({"in": way, "sin": "refuse"});
            request("echo", json!({"name": "echo", "arguments": arguments}))
        };
        let (there, back) = (refuse("request"), refuse("response"));
        let refused = || "as commanded".to_owned();
        let reply = Reply::Result("{}".to_owned());
        assert_eq!(Hostile.on_request(&there), Err(refused()));
        assert_eq!(Hostile.on_request(&back), Ok(Decision::Pass));
        assert_eq!(Hostile.on_response(&there, &reply), Ok(Revision::Pass));
        assert_eq!(Hostile.on_response(&back, &reply), Err(refused()));
    }
}
