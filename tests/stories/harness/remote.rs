//! A backend over Streamable HTTP, which the host did not start and must not end.

use std::ffi::OsStr;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::host::lines;
use super::{binary, soon};

pub(crate) struct Remote {
    /// Ends with this.
    process: Child,
    url: String,
}

impl Remote {
    /// A demo server with these tools.
    pub(crate) async fn start(tools: &str) -> Self {
        Self::start_at("127.0.0.1:0", tools).await
    }

    /// A demo server at this address.
    pub(crate) async fn start_at(address: &str, tools: &str) -> Self {
        let args = ["demo-server", "--name", "remote", "--tools", tools];
        let http = ["--http", address];
        Self::run(binary(), args.iter().chain(&http)).await
    }

    /// Any program that prints its URL.
    pub(crate) async fn run(
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        let mut process = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = lines(process.stdout.take().unwrap());
        let started = said.wait_for(|said| !said.is_empty());
        let url = soon("a server to say its URL", started).await.unwrap()[0].clone();
        Self { process, url }
    }

    /// Kills it; its address without a path.
    pub(crate) async fn kill(mut self) -> String {
        self.process.kill().await.unwrap();
        let address = self.url.strip_prefix("http://").unwrap();
        address.split_once('/').unwrap().0.to_owned()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
