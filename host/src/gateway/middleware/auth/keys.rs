//! A set of public keys (RFC 7517), as far as tokens can be checked with them. A key that cannot
//! be used is passed over: an issuer may have others that we know nothing of.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Issuers have two or three. Each is tried with a token that names none.
const MOST_KEYS: usize = 100;

/// The keys of one issuer.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    /// What its owner says that it is for.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads a key set.
    ///
    /// # Errors
    /// When it is none, or no key in it can be used.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: Set = serde_json::from_slice(bytes)
            .map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
        let count = set.keys.len();
        if count > MOST_KEYS {
            return Err(format!("it has {count} keys, more than {MOST_KEYS}"));
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err(format!(
                "none of its {count} keys can be used: they must be public, for signatures, of \
                 RSA, of the curves P-256 or P-384, or of Ed25519"
            ));
        }
        Ok(Self(keys))
    }

    /// Those that a token with this header may be signed with.
    pub(super) fn fitting<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        let named = KeyAlgorithm::from(algorithm);
        let fits = move |key: &&Key| {
            key.key.family() == algorithm.family()
                && id.is_none_or(|id| key.id.as_deref() == Some(id))
                && key.algorithm.is_none_or(|it| it == named)
        };
        self.0.iter().filter(fits).map(|key| &key.key)
    }
}

impl Key {
    fn of(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let is_for_signatures = match &jwk.common.public_key_use {
            None | Some(PublicKeyUse::Signature) => true,
            Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
        };
        let is_public = !matches!(
            jwk.algorithm,
            AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_)
        );
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let usable = is_for_signatures && is_public && key.family() != AlgorithmFamily::Hmac;
        usable.then(|| Self {
            id: jwk.common.key_id,
            algorithm: jwk.common.key_algorithm,
            key,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: Value) -> Result<Keys, String> {
        Keys::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn ed(id: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": id})
    }

    #[test]
    fn keys_are_found_by_their_id_and_what_cannot_be_used_is_passed_over() {
        let secret = json!({"kty": "oct", "k": X, "kid": "secret"});
        let mut other = ed("other");
        other["use"] = "enc".into();
        let strange = json!({"kty": "PQC", "kid": "strange"});
        let keys = parse(json!([ed("a"), 5, secret, other, strange, ed("b")])).unwrap();
        let found = |id, algorithm| keys.fitting(id, algorithm).count();
        assert_eq!(found(Some("a"), Algorithm::EdDSA), 1);
        assert_eq!(found(None, Algorithm::EdDSA), 2);
        for id in ["secret", "other", "strange", "none"] {
            assert_eq!(found(Some(id), Algorithm::EdDSA), 0, "{id}");
        }
        for algorithm in [Algorithm::HS256, Algorithm::RS256] {
            assert_eq!(found(None, algorithm), 0);
        }
    }

    #[test]
    fn a_key_for_one_algorithm_is_for_no_other() {
        let rsa = json!({"kty": "RSA", "n": X, "e": "AQAB", "alg": "RS256"});
        let keys = parse(json!([rsa])).unwrap();
        assert_eq!(keys.fitting(None, Algorithm::RS256).count(), 1);
        assert_eq!(keys.fitting(None, Algorithm::PS256).count(), 0);
    }

    #[test]
    fn whatever_is_no_key_set_is_refused() {
        let secret = json!({"kty": "oct", "k": X});
        for (keys, why) in [
            (json!({}), "no JSON Web Key Set"),
            (json!([]), "none of its 0 keys"),
            (json!([secret]), "none of its 1 keys"),
            (json!(vec![1; 101]), "101 keys, more than 100"),
        ] {
            let error = parse(keys).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
        assert!(Keys::parse(b"\xff").is_err());
    }
}
