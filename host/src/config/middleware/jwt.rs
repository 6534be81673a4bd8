//! `auth.jwt`: which signed tokens let somebody in.

use std::path::PathBuf;
use std::time::Duration;

use super::super::template::Template;
use super::super::value::Value;

/// `jwt`.
#[derive(Clone, Debug, PartialEq)]
pub struct JwtSettings {
    /// Where the public keys are.
    pub keys: KeyPlace,
    /// Who may have issued a token.
    pub issuers: Vec<String>,
    /// For whom it must be: one of these.
    pub audiences: Vec<String>,
    /// How it may be signed.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// The claim that says who calls.
    pub caller: String,
    /// All of these it must be good for.
    pub scopes: Vec<String>,
    /// The address by which clients know this server, if they are to be told where to get a token.
    pub resource: Option<String>,
}

/// Where a key set (RFC 7517) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// As written: the caller resolves it against a folder.
    File(PathBuf),
    /// `https://`, or `http://` on this machine, when resolved.
    Url(Template),
}

/// How a token is signed (RFC 7518, section 3.1; RFC 8037): with a private key, never with a secret
/// that whoever checks it has as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum SignatureAlgorithm {
    Es256,
    Es384,
    EdDsa,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

const ALGORITHMS: [(&str, SignatureAlgorithm); 9] = [
    ("RS256", SignatureAlgorithm::Rs256),
    ("RS384", SignatureAlgorithm::Rs384),
    ("RS512", SignatureAlgorithm::Rs512),
    ("PS256", SignatureAlgorithm::Ps256),
    ("PS384", SignatureAlgorithm::Ps384),
    ("PS512", SignatureAlgorithm::Ps512),
    ("ES256", SignatureAlgorithm::Es256),
    ("ES384", SignatureAlgorithm::Es384),
    ("EdDSA", SignatureAlgorithm::EdDsa),
];

/// What nearly every issuer signs with.
const DEFAULT_ALGORITHMS: [SignatureAlgorithm; 3] = [
    SignatureAlgorithm::Rs256,
    SignatureAlgorithm::Es256,
    SignatureAlgorithm::EdDsa,
];

/// Reads the map below `jwt`. Without a result there is a problem that says why.
pub(super) fn read(value: &Value<'_>) -> Option<JwtSettings> {
    let mut map = value.map()?;
    let keys = map
        .require(
            "jwks",
            "name the file or the https:// address of the key set",
        )
        .and_then(|value| place(&value));
    let issuers = map
        .require("issuer", "write it as it stands in the tokens' `iss`")
        .and_then(|value| texts(&value));
    let help = "name what tokens for this server have in `aud`; most often its own address";
    let audiences = map
        .require("audience", help)
        .and_then(|value| texts(&value));
    let algorithms = map.get("algorithms").map(|value| algorithms(&value));
    let leeway = map
        .get("leeway")
        .and_then(|value| value.seconds_or_off(1.0..=300.0));
    let caller = map.text("caller", "sub");
    let scopes = map.get("scopes").map(|value| texts(&value));
    let resource = map.get("resource").map(|value| resource(&value));
    map.finish();
    let audiences = audiences?;
    let of_audience = || audiences.iter().find(|it| is_url(it)).cloned();
    Some(JwtSettings {
        keys: keys?,
        issuers: issuers?,
        algorithms: algorithms.unwrap_or(Some(DEFAULT_ALGORITHMS.into()))?,
        leeway: leeway.unwrap_or(Duration::from_secs(60)),
        caller,
        scopes: scopes.unwrap_or(Some(Vec::new()))?,
        resource: match resource {
            Some(given) => Some(given?),
            None => of_audience(),
        },
        audiences,
    })
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn place(value: &Value<'_>) -> Option<KeyPlace> {
    let template = value.template()?;
    let text = value.resolve(&template)?;
    if text.trim().is_empty() {
        value.error("expected text, found nothing in it", None);
        return None;
    }
    if !is_url(&text) {
        return Some(KeyPlace::File(text.into()));
    }
    if text.starts_with("http://") && !is_here(&text) {
        let help = "write `https://`, or put the keys into a file".to_owned();
        value.error("keys that come over http can be anybody's", Some(help));
        return None;
    }
    Some(KeyPlace::Url(template))
}

/// Whether the host of this `http://` address is this machine.
fn is_here(url: &str) -> bool {
    let rest = url.trim_start_matches("http://");
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an `@` is a name, and the host behind it any.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

/// One text or several, none of them blank.
fn texts(value: &Value<'_>) -> Option<Vec<String>> {
    let texts: Option<Vec<_>> = if value.written_list() {
        let items = value.list("a text or a list of texts")?;
        let read: Vec<_> = items.iter().map(Value::filled_text).collect();
        read.into_iter().collect()
    } else {
        value.filled_text().map(|text| vec![text])
    };
    let texts = texts?;
    if texts.is_empty() {
        value.error("nothing is named", None);
    }
    (!texts.is_empty()).then_some(texts)
}

fn algorithms(value: &Value<'_>) -> Option<Vec<SignatureAlgorithm>> {
    let items = value.list("a list of algorithms")?;
    let read: Vec<_> = items.iter().map(|item| item.one_of(&ALGORITHMS)).collect();
    if read.is_empty() {
        value.error("no token could be signed", None);
        return None;
    }
    read.into_iter().collect()
}

fn resource(value: &Value<'_>) -> Option<String> {
    let text = value.filled_text()?;
    let is_right = is_url(&text) && !text.contains(['?', '#', '"', '\\', ' ']);
    if !is_right {
        let help = "such as `https://tools.example.com/mcp`".to_owned();
        value.error("expected the address of this server", Some(help));
    }
    is_right.then_some(text)
}
