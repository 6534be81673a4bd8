//! Signed tokens (RFC 7519) that somebody else issues: by whom, for whom, how long, how signed, and
//! for what they are good. The keys are somebody else's too, and never leave `key_ring`. A token is
//! in no log and in no answer.

use std::path::Path;
use std::sync::Arc;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::key_ring::KeyRing;
use super::keys::Keys;
use super::ring;
use crate::config::{JwtSettings, SignatureAlgorithm};
use crate::events::EventBus;
use crate::secrets::Secrets;

/// Bytes of a token. Hyper takes no longer header anyway.
const LONGEST: usize = 64 * 1024;
/// Bytes of a caller's name; it stands in every line of the audit.
const LONGEST_CALLER: usize = 256;

pub(super) struct Jwt {
    settings: JwtSettings,
    validation: Validation,
    keys: Arc<KeyRing>,
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Refused {
    /// It says nothing, or says it to somebody else, or no longer: for the client, in words.
    Invalid(&'static str),
    /// It is good, for something else.
    TooLittle,
    /// There are no keys to check it with.
    NoKeys,
}

impl Jwt {
    /// With the keys of `before`, if it had them from the same place.
    pub(super) fn new(
        settings: &JwtSettings,
        before: Option<&Self>,
        secrets: &Secrets,
        base: &Path,
        bus: &EventBus,
    ) -> Result<Self, String> {
        ring::install();
        let keys = KeyRing::new(&settings.keys, base, secrets, bus.clone())?;
        let kept = before.filter(|before| before.keys.asks_like(&keys));
        let keys = match kept {
            Some(before) => Arc::clone(&before.keys),
            None => {
                keys.open()?;
                Arc::new(keys)
            }
        };
        let mut validation = Validation {
            algorithms: settings.algorithms.iter().copied().map(named).collect(),
            leeway: settings.leeway.as_secs(),
            validate_nbf: true,
            ..Validation::default()
        };
        validation.set_issuer(&settings.issuers);
        validation.set_audience(&settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(Self {
            settings: settings.clone(),
            validation,
            keys,
        })
    }

    pub(super) fn settings(&self) -> &JwtSettings {
        &self.settings
    }

    /// The keys, so that the first token does not wait for them.
    pub(super) fn prepare(&self) -> impl Future<Output = ()> + Send + use<> {
        let keys = Arc::clone(&self.keys);
        async move {
            keys.keys().await;
        }
    }

    /// Who shows this token.
    pub(super) async fn check(&self, token: &[u8]) -> Result<String, Refused> {
        if token.len() > LONGEST {
            return Err(Refused::Invalid("it is too long"));
        }
        let header = decode_header(token).map_err(|_| Refused::Invalid("it is no JWT"))?;
        if !self.validation.algorithms.contains(&header.alg) {
            return Err(Refused::Invalid("its algorithm is not allowed"));
        }
        // An extension that must be understood (RFC 7515, section 4.1.11), and none is.
        if header.crit.is_some() {
            return Err(Refused::Invalid("it wants an extension that is not there"));
        }
        let keys = self.keys.keys().await.ok_or(Refused::NoKeys)?;
        match self.check_with(&keys, &header, token) {
            Err(Refused::Invalid(UNKNOWN_KEY)) => {}
            checked => return checked,
        }
        match self.keys.newer(&keys).await {
            Some(keys) => self.check_with(&keys, &header, token),
            None => Err(Refused::Invalid(UNKNOWN_KEY)),
        }
    }

    fn check_with(&self, keys: &Keys, header: &Header, token: &[u8]) -> Result<String, Refused> {
        let mut validation = self.validation.clone();
        // Keys of one kind check tokens of that kind alone.
        validation.algorithms = vec![header.alg];
        let mut refused = Refused::Invalid(UNKNOWN_KEY);
        for key in keys.fitting(header.kid.as_deref(), header.alg) {
            match decode::<Map<String, Value>>(token, key, &validation) {
                Ok(token) => return self.judge(&token.claims),
                // Another key may have signed it.
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {
                    refused = Refused::Invalid("its signature is wrong");
                }
                Err(error) => return Err(why(&error)),
            }
        }
        // A token that names no key may be signed with a newer one.
        if header.kid.is_none() {
            refused = Refused::Invalid(UNKNOWN_KEY);
        }
        Err(refused)
    }

    /// Whose it is, if it is good for what is needed.
    fn judge(&self, claims: &Map<String, Value>) -> Result<String, Refused> {
        let caller = claims.get(&self.settings.caller).and_then(Value::as_str);
        let caller = caller.filter(|caller| !caller.is_empty());
        let caller = caller.ok_or(Refused::Invalid("it does not say whose it is"))?;
        if caller.len() > LONGEST_CALLER {
            return Err(Refused::Invalid("it has a name that is too long"));
        }
        let granted = scopes(claims);
        match self
            .settings
            .scopes
            .iter()
            .all(|it| granted.contains(&it.as_str()))
        {
            true => Ok(caller.to_owned()),
            false => Err(Refused::TooLittle),
        }
    }
}

const UNKNOWN_KEY: &str = "it is signed with a key that its issuer does not name";

fn why(error: &Error) -> Refused {
    Refused::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "it is from another issuer",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "it does not say by whom, for whom or how long it is"
        }
        _ => "it is no JWT that can be read",
    })
}

/// `scope` is a text with blanks (RFC 8693, section 4.2); some issuers have a list, or call it
/// `scp`.
fn scopes(claims: &Map<String, Value>) -> Vec<&str> {
    let named = ["scope", "scp"].into_iter();
    let named = named.filter_map(|claim| claims.get(claim));
    let texts = named.flat_map(|value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split(' ').collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    texts.collect()
}

fn named(algorithm: SignatureAlgorithm) -> Algorithm {
    match algorithm {
        SignatureAlgorithm::Es256 => Algorithm::ES256,
        SignatureAlgorithm::Es384 => Algorithm::ES384,
        SignatureAlgorithm::EdDsa => Algorithm::EdDSA,
        SignatureAlgorithm::Ps256 => Algorithm::PS256,
        SignatureAlgorithm::Ps384 => Algorithm::PS384,
        SignatureAlgorithm::Ps512 => Algorithm::PS512,
        SignatureAlgorithm::Rs256 => Algorithm::RS256,
        SignatureAlgorithm::Rs384 => Algorithm::RS384,
        SignatureAlgorithm::Rs512 => Algorithm::RS512,
    }
}

#[cfg(test)]
mod tests;
