//! A real MCP client: the official SDK's, over Streamable HTTP. Remembers which lists it was told
//! to read again, in order.

use rmcp::model::{CallToolRequestParams, ClientConfig, Tool};
use rmcp::service::{NotificationContext, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ServiceExt};
use serde_json::Value;
use tokio::sync::watch;

use super::soon;

/// What a `list_changed` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Tools,
    Prompts,
    Resources,
}

pub(crate) struct Client {
    service: RunningService<RoleClient, Ear>,
    told: watch::Receiver<Vec<List>>,
}

struct Ear(watch::Sender<Vec<List>>);

impl Ear {
    fn hear(&self, list: List) {
        self.0.send_modify(|told| told.push(list));
    }
}

impl ClientHandler for Ear {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.hear(List::Tools);
    }

    async fn on_prompt_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.hear(List::Prompts);
    }

    async fn on_resource_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.hear(List::Resources);
    }

    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }
}

/// HTTP as the host's own client has it.
pub(crate) fn http() -> reqwest::Client {
    // Installed once; the error says that it already is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Client {
    /// Connects, and is told of changes from now on.
    pub(crate) async fn connect(url: &str) -> Self {
        let (sender, told) = watch::channel(Vec::new());
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(http(), config);
        let service = soon("a client to connect", Ear(sender).serve(transport)).await;
        let client = Self {
            service: service.unwrap(),
            told,
        };
        // The answer comes after the host has heard `notifications/initialized`.
        client.tools().await;
        client
    }

    /// Ends its session.
    pub(crate) async fn leave(self) {
        soon("a client to leave", self.service.cancel())
            .await
            .unwrap();
    }

    /// `tools/list`, whole.
    pub(crate) async fn catalog(&self) -> Vec<Tool> {
        let listed = soon("tools/list", self.service.list_all_tools()).await;
        listed.unwrap()
    }

    /// The names of all tools, sorted.
    pub(crate) async fn tools(&self) -> Vec<String> {
        let tools = self.catalog().await.into_iter();
        let mut names: Vec<_> = tools.map(|tool| tool.name.into_owned()).collect();
        names.sort();
        names
    }

    /// The text that a tool answers, or what went wrong, whoever says so.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<String, String> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object");
        };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let called = soon(tool, self.service.call_tool(params)).await;
        let result = called.map_err(|error| error.to_string())?;
        let text = result.content.iter().filter_map(|block| block.as_text());
        let text: Vec<_> = text.map(|text| text.text.as_str()).collect();
        if result.is_error == Some(true) {
            return Err(text.join("\n"));
        }
        Ok(text.join("\n"))
    }

    /// The process that a demo server's `whoami` names.
    pub(crate) async fn process(&self, whoami: &str) -> u32 {
        let answer = self.call(whoami, serde_json::json!({})).await.unwrap();
        let id = answer
            .rsplit_once("(process ")
            .and_then(|(_, id)| id.strip_suffix(')'));
        id.unwrap().parse().unwrap()
    }

    /// Which lists it was told to read again, once there are at least so many.
    pub(crate) async fn told(&self, at_least: usize) -> Vec<List> {
        let mut told = self.told.clone();
        let waiting = told.wait_for(|told| told.len() >= at_least);
        let heard = tokio::time::timeout(super::LIMIT, waiting).await;
        match heard {
            Ok(heard) => heard.unwrap().clone(),
            Err(_) => panic!("told only of {:?}, not {at_least}", *self.told.borrow()),
        }
    }
}
