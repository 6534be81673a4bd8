//! The host's side of `wasi:http`: a plugin reaches the hosts that it is granted, with TLS unless
//! the grant says `http://`, and no private address that is not granted itself, whatever a name
//! resolves to. It follows no redirect, uses no proxy, and ends with the time of the call.

#![expect(
    clippy::disallowed_types,
    reason = "guests burn real time, which no test can pause"
)]

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::isolation::Isolation;
use super::outside;
use crate::config::{PluginGrants, is_public};
use crate::http_client::{self, cause};

/// So much of the time that a call has left an answer may take.
const PATIENCE: f64 = 0.9;
/// The most bytes of one set of headers, as the host holds them.
const MAX_FIELDS: usize = 64 * 1024;

type Ended = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Ended), Error>> + Send>;

/// The HTTP world of one instance.
pub(super) struct Http {
    context: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    grants: Arc<PluginGrants>,
    isolation: Option<Isolation>,
    deadline: Instant,
    /// Made when it is first wanted: most plugins never do.
    client: Option<reqwest::Client>,
}

impl Http {
    pub(super) fn new(grants: Arc<PluginGrants>, isolation: Option<Isolation>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(MAX_FIELDS);
        Self {
            context,
            hooks: Hooks {
                grants,
                isolation,
                deadline: Instant::now(),
                client: None,
            },
        }
    }

    /// For one call of the host, which ends at `deadline`.
    pub(super) fn view<'a>(
        &'a mut self,
        table: &'a mut ResourceTable,
        deadline: Instant,
    ) -> WasiHttpCtxView<'a> {
        self.hooks.deadline = deadline;
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table,
            ctx: &mut self.context,
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _ended: Ended,
    ) -> Sent {
        // Of the time that the call has left the plugin keeps a part, to say that nobody answered.
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = left.mul_f64(PATIENCE);
        if let Some(isolation) = self.isolation.clone() {
            isolation.count("http.request");
            let may = may_ask(&self.grants, &request);
            return Box::new(async move {
                may?;
                Ok((outside::answer(isolation, request).await?, ended()))
            });
        }
        let client = match may_ask(&self.grants, &request) {
            Ok(()) => self.client(),
            Err(error) => Err(error),
        };
        Box::new(async move { send(client?, request, left).await })
    }
}

impl Hooks {
    fn client(&mut self) -> Result<reqwest::Client, Error> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = http_client::builder()
            .dns_resolver(Arc::new(Granted(Arc::clone(&self.grants))))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|_| Error::InternalError(Some("there is no TLS".to_owned())))?;
        Ok(self.client.insert(client).clone())
    }
}

/// Whether some grant covers where this request goes.
fn may_ask(grants: &PluginGrants, request: &Request<WasiBody>) -> Result<(), Error> {
    let tls = request.uri().scheme_str() == Some("https");
    let host = request.uri().host().ok_or(Error::HttpRequestUriInvalid)?;
    let port = request.uri().port_u16();
    let port = port.unwrap_or(if tls { 443 } else { 80 });
    match grants
        .http
        .iter()
        .any(|grant| grant.covers(tls, host, port))
    {
        true => Ok(()),
        false => Err(Error::HttpRequestDenied),
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<WasiBody>,
    left: Duration,
) -> Result<(Response<WasiBody>, Ended), Error> {
    // A body of the guest can be sent, not shared; reqwest wants both.
    let request = request.map(|body| reqwest::Body::wrap(Exclusive(Mutex::new(body))));
    let mut request =
        reqwest::Request::try_from(request).map_err(|_| Error::HttpRequestUriInvalid)?;
    // Of all, the body of the answer too: nothing waits beyond it.
    *request.timeout_mut() = Some(left);
    let response = client
        .execute(request)
        .await
        .map_err(|error| told(&error))?;
    let response = Response::<reqwest::Body>::from(response);
    let response = response.map(|body| body.map_err(|error| told(&error)).boxed_unsync());
    Ok((response, ended()))
}

/// Nothing goes on behind an answer.
fn ended() -> Ended {
    Box::new(std::future::ready(Ok(())))
}

fn told(error: &reqwest::Error) -> Error {
    if cause::<Private>(error).is_some() {
        Error::DestinationIpProhibited
    } else if cause::<Unknown>(error).is_some() {
        Error::DestinationNotFound
    } else if let Some(wrong) = cause::<rustls::Error>(error) {
        match wrong {
            rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
            _ => Error::TlsProtocolError,
        }
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_connect() {
        Error::ConnectionRefused
    } else {
        Error::HttpProtocolError
    }
}

/// Resolves names to the addresses that these grants let a plugin reach.
struct Granted(Arc<PluginGrants>);

#[derive(Debug, thiserror::Error)]
#[error("{0} has no address that a plugin may reach; name a private one itself in grants.http")]
struct Private(String);

#[derive(Debug, thiserror::Error)]
#[error("{0} is not known: {1}")]
struct Unknown(String, std::io::Error);

impl Resolve for Granted {
    fn resolve(&self, name: Name) -> Resolving {
        let grants = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|error| Unknown(name.as_str().to_owned(), error))?;
            let may = |address: &SocketAddr| may_reach(&grants, address.ip());
            let found: Vec<_> = found.filter(may).collect();
            match found.is_empty() {
                true => Err(Private(name.as_str().to_owned()).into()),
                false => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

fn may_reach(grants: &PluginGrants, address: IpAddr) -> bool {
    is_public(address) || grants.http.iter().any(|grant| grant.holds(address))
}

/// A body that only its owner touches.
struct Exclusive(Mutex<WasiBody>);

impl Body for Exclusive {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Error>>> {
        let body = self.get_mut().0.get_mut();
        Pin::new(body.unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }
}
