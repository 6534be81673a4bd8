//! A step that calls pass through: here, one that refuses the tools it is told to refuse.
//!
//! ```yaml
//! middleware:
//!   - {{name}}: {tools: [deploy]}
//! ```

use config_sync_sdk::{
    Decision, Middleware, MiddlewareDescriptor, Problem, Refusal, Request, Settings, Ways,
};

/// The middleware `{{name}}`, with the tools that it refuses.
pub struct Plugin(Vec<String>);

config_sync_sdk::export!(middleware: Plugin);

impl Middleware for Plugin {
    fn describe() -> MiddlewareDescriptor {
        MiddlewareDescriptor {
            summary: "refuses tools".into(),
            ways: Ways::REQUEST,
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        let tools = settings.get("tools").cloned().unwrap_or_default();
        serde_json::from_value(tools)
            .map(Self)
            .map_err(|error| vec![Problem::error("tools", error.to_string())])
    }

    fn on_request(&self, request: &Request) -> Result<Decision, String> {
        Ok(if self.0.contains(&request.name) {
            Decision::Refuse(Refusal::new(403, "not at this hour"))
        } else {
            Decision::Pass
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tools_are_a_list_of_names() {
        let settings = json!({ "tools": "deploy" }).as_object().cloned();
        assert!(Plugin::configure(settings.unwrap_or_default()).is_err());
    }
}
