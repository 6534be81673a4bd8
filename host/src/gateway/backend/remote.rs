//! A backend behind a URL, over Streamable HTTP: rmcp's client on reqwest.

use std::collections::HashMap;

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use crate::config::{Connection, Template};
use crate::secrets::value_of;

/// The transport to a [`Connection::StreamableHttp`]. Connects at the first message.
pub(super) fn connect(
    connection: &Connection,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    let Connection::StreamableHttp { url, headers } = connection else {
        return Err("it has no URL".to_owned());
    };
    let resolve = |template: &Template| {
        template
            .resolve(&value_of)
            .map_err(|error| error.to_string())
    };
    let url = resolve(url)?;
    let mut custom = HashMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name)
            .map_err(|_| format!("`{name}` is not the name of a header"))?;
        let mut value = HeaderValue::try_from(resolve(value)?).map_err(|_| {
            format!("the value of the header `{name}` has characters that headers cannot hold")
        })?;
        value.set_sensitive(true);
        custom.insert(header, value);
    }
    let config = StreamableHttpClientTransportConfig::with_uri(url).custom_headers(custom);
    // Installed once; the error says that it already is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .build()
        .map_err(|error| format!("cannot set up HTTP: {error}"))?;
    Ok(StreamableHttpClientTransport::with_client(client, config))
}
