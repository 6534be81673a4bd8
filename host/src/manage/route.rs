//! One call of the API: where it is, what answers it, and what it is for. The router and the
//! OpenAPI document are made from the same routes, so that neither knows a call that the other
//! does not.

use axum::routing::MethodRouter;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{PREFIX, Problem};

/// The form of an answer or of a body.
type Form = fn(&mut SchemaGenerator) -> Schema;

/// One call.
pub(super) struct Route<S> {
    /// Below the prefix.
    pub(super) path: &'static str,
    /// In lower case.
    pub(super) method: &'static str,
    pub(super) handler: MethodRouter<S>,
    /// One line for people.
    summary: &'static str,
    /// What may stand behind the `?`, with what it means.
    query: &'static [(&'static str, &'static str)],
    /// A header that counts, with what it means.
    header: Option<(&'static str, &'static str)>,
    /// The type of the body, its form, and how many bytes it may have.
    takes: Option<(&'static str, Form, usize)>,
    /// What it answers when all is well.
    status: u16,
    /// What else it may answer in the same form, and when.
    also: Option<(u16, &'static str)>,
    answer: (&'static str, Form),
    /// Nobody need show a token.
    is_public: bool,
}

impl<S> Route<S> {
    /// Answers with JSON of this form.
    pub(super) fn new<T: JsonSchema>(
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<S>,
        summary: &'static str,
    ) -> Self {
        Self {
            path,
            method,
            handler,
            summary,
            query: &[],
            header: None,
            takes: None,
            status: 200,
            also: None,
            answer: ("application/json", |all| all.subschema_for::<T>()),
            is_public: false,
        }
    }

    pub(super) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    pub(super) fn takes<T: JsonSchema>(mut self, kind: &'static str, most: usize) -> Self {
        self.takes = Some((kind, |all| all.subschema_for::<T>(), most));
        self
    }

    /// How many bytes a body may have, if one is taken.
    pub(super) fn most(&self) -> Option<usize> {
        self.takes.map(|(_, _, most)| most)
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn also(mut self, status: u16, when: &'static str) -> Self {
        self.also = Some((status, when));
        self
    }

    pub(super) fn header(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.header = Some((name, meaning));
        self
    }

    pub(super) fn kind(mut self, kind: &'static str) -> Self {
        self.answer.0 = kind;
        self
    }

    pub(super) fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    fn described(&self, forms: &mut SchemaGenerator) -> Value {
        let (kind, form) = self.answer;
        let parameter = |place, (name, meaning): (&str, &str)| json!({"name": name, "in": place, "description": meaning, "schema": {"type": "string"}});
        let query = self.query.iter().map(|it| parameter("query", *it));
        let headers = self.header.map(|it| parameter("header", it));
        let inside = self.path.split('/').filter_map(|step| {
            let name = step.strip_prefix('{')?.strip_suffix('}')?;
            Some(
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
            )
        });
        let parameters: Vec<_> = inside.chain(query).chain(headers).collect();
        let problem = forms.subschema_for::<Problem>();
        let content = json!({kind: {"schema": form(forms)}});
        let mut described = json!({
            "summary": self.summary,
            "parameters": parameters,
            "responses": {
                self.status.to_string(): {
                    "description": "as asked",
                    "content": content,
                },
                "default": {
                    "description": "why not (RFC 9457)",
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
        });
        if let Some((status, when)) = self.also {
            described["responses"][status.to_string()] =
                json!({"description": when, "content": content});
        }
        if let Some((kind, form, _)) = self.takes {
            described["requestBody"] = json!({"content": {kind: {"schema": form(forms)}}});
        }
        if self.is_public {
            described["security"] = json!([]);
        }
        described
    }
}

/// The OpenAPI document (3.1) of these.
pub(super) fn document<S>(routes: &[Route<S>]) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut forms = settings.into_generator();
    let mut paths = Map::new();
    for route in routes {
        let described = route.described(&mut forms);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Config Sync: the management API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Of a running host; on a Unix socket, and over TCP where \
                server.management.enabled says so.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": forms.take_definitions(true),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "over TCP, where server.management.token is set",
            }},
        },
    })
}
