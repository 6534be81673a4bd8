//! The port behind which backends can be reached by other means than processes and the net: what
//! tests and benches put in their place. Production has nobody behind it.

use std::fmt;

use futures::future::BoxFuture;
use tokio::io::DuplexStream;

use crate::config::BackendSpec;

/// Reaches backends.
pub trait Connector: fmt::Debug + Send + Sync + 'static {
    /// A stream to the backend of this name, which speaks MCP on it, one message a line.
    fn connect(
        &self,
        name: &str,
        spec: &BackendSpec,
    ) -> BoxFuture<'static, Result<DuplexStream, String>>;
}
