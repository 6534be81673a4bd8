//! One POST by `wasi:http`. The host decides what may be reached, and ends the waiting with the
//! time of the call; here is only what a request and its answer are made of.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

/// What one call may write to a body, in bytes (`wasi:io/streams`).
const AT_ONCE: usize = 4096;

/// Where a request goes.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    tls: bool,
    authority: String,
    path: String,
}

impl Place {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => {
                return Err("`url` is no address: it begins with https:// or http://".to_owned());
            }
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err("`url` names no host".to_owned());
        }
        Ok(Self {
            tls,
            authority: authority.to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }
}

impl Place {
    /// Where it goes, as people are told: what else is in an address is often the key to it.
    pub(crate) fn host(&self) -> &str {
        let (_, host) = self
            .authority
            .rsplit_once('@')
            .unwrap_or(("", &self.authority));
        host
    }
}

/// The status of the answer.
///
/// # Errors
/// Why there is none.
pub(crate) fn post(place: &Place, headers: &[(&str, String)], body: &[u8]) -> Result<u16, String> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|error| format!("a header: {error}"))?;
    let request = OutgoingRequest::new(headers);
    let scheme = if place.tls {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let is_set = request
        .set_method(&Method::Post)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&place.authority)))
        .and_then(|()| request.set_path_with_query(Some(&place.path)));
    is_set.map_err(|()| format!("{} is no address", place.host()))?;
    let outgoing = request.body().map_err(|()| "no body".to_owned())?;
    let answer = handle(request, None).map_err(|error| told(place, &error))?;
    let written = write(outgoing, body);
    answer.subscribe().block();
    match answer.get() {
        // Where no connection came about, nobody took the body either.
        Some(Ok(Ok(response))) => written.map(|()| IncomingResponse::status(&response)),
        Some(Ok(Err(error))) => Err(told(place, &error)),
        Some(Err(())) | None => Err(format!("{} gave no answer", place.host())),
    }
}

fn write(outgoing: OutgoingBody, body: &[u8]) -> Result<(), String> {
    let stream = outgoing.write().map_err(|()| "no body".to_owned())?;
    for part in body.chunks(AT_ONCE) {
        let written = stream.blocking_write_and_flush(part);
        written.map_err(|error| format!("the body: {error}"))?;
    }
    // It must be given back before its body ends.
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("the body: {error}"))
}

fn told(place: &Place, error: &ErrorCode) -> String {
    let host = place.host();
    match error {
        ErrorCode::HttpRequestDenied => format!("{host} is not granted (grants.http)"),
        ErrorCode::DestinationIpProhibited => {
            format!("{host} leads to a private address, which grants.http must name itself")
        }
        ErrorCode::DestinationNotFound => format!("{host} is not known"),
        ErrorCode::TlsCertificateError => {
            format!("{host} shows a certificate that nobody here trusts")
        }
        ErrorCode::ConnectionRefused => format!("{host} does not answer"),
        ErrorCode::HttpResponseTimeout => format!("{host} did not answer in time (limits.time)"),
        other => format!("{host}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_path() {
        let place = Place::parse("http://127.0.0.1:8080/a?b=/c").unwrap();
        assert_eq!(
            place,
            Place {
                tls: false,
                authority: "127.0.0.1:8080".to_owned(),
                path: "/a?b=/c".to_owned(),
            }
        );
        assert_eq!(Place::parse("https://host").unwrap().path, "/");
        for wrong in ["", "host/path", "ftp://host", "https:///path"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
