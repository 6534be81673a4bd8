//! `config-sync demo-server`: a small MCP server with a few harmless tools, over stdio or over
//! Streamable HTTP. The embedded default backend, so that the first tour needs nothing else, and
//! the backend of the tests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::serve::ListenerExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, JsonObject,
    ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt,
    PromptMessage, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, Role, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};

/// `sleep` sleeps no longer than this.
const MAX_SLEEP: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct DemoServer {
    /// The name by which it introduces itself
    #[arg(long, default_value = "demo")]
    name: String,
    /// Its tools: echo, add, sleep, whoami, grow; NEW=OLD offers OLD under another name
    #[arg(long, value_delimiter = ',', default_value = "echo,add,sleep,whoami")]
    tools: Vec<String>,
    /// Serve over Streamable HTTP at this address instead of stdio
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy)]
enum Behaviour {
    Echo,
    Add,
    Sleep,
    Whoami,
    Grow,
}

impl Behaviour {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "echo" => Self::Echo,
            "add" => Self::Add,
            "sleep" => Self::Sleep,
            "whoami" => Self::Whoami,
            "grow" => Self::Grow,
            _ => return None,
        })
    }

    fn tool(self, name: &str) -> Tool {
        let (description, properties, required) = match self {
            Self::Echo => (
                "Answers with the text it is given",
                json!({"text": {"type": "string"}}),
                json!(["text"]),
            ),
            Self::Add => (
                "Adds two numbers",
                json!({"a": {"type": "number"}, "b": {"type": "number"}}),
                json!(["a", "b"]),
            ),
            Self::Sleep => (
                "Answers after so many milliseconds",
                json!({"ms": {"type": "integer", "maximum": 60000}}),
                json!(["ms"]),
            ),
            Self::Whoami => (
                "Says which server and process this is",
                json!({}),
                json!([]),
            ),
            Self::Grow => (
                "Gives this server one more tool, which echoes",
                json!({"name": {"type": "string"}}),
                json!(["name"]),
            ),
        };
        let schema = json!({"type": "object", "properties": properties, "required": required});
        let schema: JsonObject = serde_json::from_value(schema).unwrap_or_default();
        Tool::new(name.to_owned(), description, schema)
    }
}

#[derive(Debug, Clone)]
struct Demo {
    name: String,
    tools: Arc<Mutex<BTreeMap<String, Behaviour>>>,
}

impl DemoServer {
    pub(super) async fn run(&self) -> ExitCode {
        match self.serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("config-sync demo-server: {error}");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut tools = BTreeMap::new();
        for tool in &self.tools {
            let (shown, behaviour) = tool.split_once('=').unwrap_or((tool, tool));
            let behaviour = Behaviour::named(behaviour).ok_or_else(|| {
                format!("there is no tool `{behaviour}`; choose of echo, add, sleep, whoami, grow")
            })?;
            tools.insert(shown.to_owned(), behaviour);
        }
        let demo = Demo {
            name: self.name.clone(),
            tools: Arc::new(Mutex::new(tools)),
        };
        match self.http {
            None => {
                demo.serve(rmcp::transport::stdio())
                    .await?
                    .waiting()
                    .await?;
            }
            Some(address) => {
                let mcp = StreamableHttpService::new(
                    move || Ok(demo.clone()),
                    Arc::new(LocalSessionManager::default()),
                    StreamableHttpServerConfig::default(),
                );
                let listener = tokio::net::TcpListener::bind(address).await?;
                println!("http://{}/mcp", listener.local_addr()?);
                let listener = listener.tap_io(|stream| {
                    let _ = stream.set_nodelay(true);
                });
                axum::serve(listener, axum::Router::new().nest_service("/mcp", mcp)).await?;
            }
        }
        Ok(())
    }
}

impl Demo {
    fn about(&self) -> String {
        format!("{} (process {})", self.name, std::process::id())
    }

    fn add(&self, name: String, behaviour: Behaviour) {
        self.tools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, behaviour);
    }

    fn behaviour(&self, name: &str) -> Option<Behaviour> {
        self.tools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }
}

impl ServerHandler for Demo {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new(
            self.name.clone(),
            env!("CARGO_PKG_VERSION"),
        ))
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = tools
            .iter()
            .map(|(name, behaviour)| behaviour.tool(name))
            .collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = call.arguments.unwrap_or_default();
        let number = |key: &str| {
            arguments
                .get(key)
                .and_then(Value::as_f64)
                .unwrap_or_default()
        };
        let text = |key: &str| {
            arguments
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let behaviour = self.behaviour(&call.name).ok_or_else(|| {
            ErrorData::invalid_params(Cow::from(format!("unknown tool: {}", call.name)), None)
        })?;
        let answer = match behaviour {
            Behaviour::Echo => text("text"),
            Behaviour::Add => (number("a") + number("b")).to_string(),
            Behaviour::Sleep => {
                let time = Duration::from_secs_f64(
                    (number("ms") / 1000.0).clamp(0.0, MAX_SLEEP.as_secs_f64()),
                );
                tokio::select! {
                    () = tokio::time::sleep(time) => format!("slept {} ms", time.as_millis()),
                    () = context.ct.cancelled() => "cancelled".to_owned(),
                }
            }
            Behaviour::Whoami => self.about(),
            Behaviour::Grow => {
                let name = text("name");
                self.add(name.clone(), Behaviour::Echo);
                // A client that is gone needs no notice.
                let _ = context.peer.notify_tool_list_changed().await;
                name
            }
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(answer)]).into())
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompt = Prompt::new(
            format!("{}-greeting", self.name),
            Some("A friendly word"),
            None,
        );
        Ok(ListPromptsResult::with_all_items(vec![prompt]))
    }

    async fn get_prompt(
        &self,
        _prompt: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let greeting = PromptMessage::new_text(Role::User, format!("Say hello to {}.", self.name));
        Ok(GetPromptResult::new(vec![greeting]).into())
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let about = Resource::new(format!("demo://{}/about", self.name), "about");
        Ok(ListResourcesResult::with_all_items(vec![about]))
    }

    async fn read_resource(
        &self,
        resource: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let about = ResourceContents::text(self.about(), resource.uri);
        Ok(ReadResourceResult::new(vec![about]).into())
    }
}
