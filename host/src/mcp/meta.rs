//! Keys of `_meta`, and others that stand in many places, that the protocol gives a meaning.
//! Everything else in `_meta` belongs to the peers.

/// The keys (2026-07-28, "General fields").
pub mod key {
    /// Where `_meta` stands in parameters and results.
    pub const META: &str = "_meta";
    /// Under what name a requester wants to hear of progress (every version).
    pub const PROGRESS_TOKEN: &str = "progressToken";
    /// The version that a request is made in. With it the request needs no session.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// Who asks.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// What the asker can do.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// What the asker wants to have logged.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// Who answers.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// What a task is called, wherever one is named (2025-11-25, "Tasks").
    pub const TASK: &str = "taskId";
    /// The task that something is about (2025-11-25, "Tasks").
    pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
    /// The `subscriptions/listen` that a notification belongs to.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
}
