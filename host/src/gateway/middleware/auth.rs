//! Auth: who may talk to the host at all. It is asked at the door, before a request is even read,
//! so its place in the list means nothing; inside the chain it passes every call. A token is
//! either one that the file names, compared in a time that says nothing about it, or one that
//! somebody else has signed (`jwt`). It is in no log.

mod jwt;
mod key_ring;
mod keys;
mod ring;

use std::path::Path;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{Middleware, Next};
use crate::caller::bearer;
use crate::config::AuthSettings;
use crate::events::EventBus;
use crate::gateway::{Call, Reply};
use crate::secrets::Secrets;
use jwt::Jwt;
pub(in crate::gateway) use jwt::Refused;

/// Where clients are told who issues tokens (RFC 9728, section 3).
pub(in crate::gateway) const METADATA: &str = "/.well-known/oauth-protected-resource";

pub(in crate::gateway) struct Auth {
    /// Name and token.
    tokens: Vec<(String, Box<[u8]>)>,
    jwt: Option<Jwt>,
}

impl Auth {
    /// With what the tokens stand for, and the keys that `before` has already.
    pub(super) fn new(
        settings: &AuthSettings,
        before: Option<&Self>,
        secrets: &Secrets,
        base: &Path,
        bus: &EventBus,
    ) -> Result<Self, String> {
        let tokens = settings.tokens.iter().map(|(name, token)| {
            let text = token.value(&|name| secrets.value_of(name))?;
            Ok((name.clone(), text.into_bytes().into_boxed_slice()))
        });
        let before = before.and_then(|before| before.jwt.as_ref());
        let jwt = settings.jwt.as_ref();
        let jwt = jwt.map(|settings| Jwt::new(settings, before, secrets, base, bus));
        Ok(Self {
            tokens: tokens.collect::<Result<_, String>>()?,
            jwt: jwt.transpose()?,
        })
    }

    /// Work to begin with, if there is any.
    pub(super) fn prepare(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        self.jwt.as_ref().map(Jwt::prepare)
    }

    /// Whose token this is. All are compared, whichever it is.
    fn name_of(&self, shown: &[u8]) -> Option<&str> {
        let (mut found, mut at) = (Choice::from(0), 0);
        for (index, (_, token)) in (0_u64..).zip(&self.tokens) {
            let same = token.ct_eq(shown);
            at.conditional_assign(&index, same);
            found |= same;
        }
        let at = usize::try_from(at).ok()?;
        bool::from(found).then(|| self.tokens.get(at).map(|(name, _)| name.as_str()))?
    }
}

impl Middleware for Auth {
    fn guard(&self) -> Option<&Auth> {
        Some(self)
    }

    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        next.run(call)
    }
}

impl Auth {
    /// Whose token an `Authorization` header shows.
    pub(in crate::gateway) async fn admit(&self, header: &[u8]) -> Result<String, Refused> {
        let token = bearer(header).ok_or(Refused::Invalid("it is no bearer token"))?;
        if let Some(name) = self.name_of(token) {
            return Ok(name.to_owned());
        }
        match &self.jwt {
            Some(jwt) => jwt.check(token).await,
            None => Err(Refused::Invalid("nobody has this token")),
        }
    }

    /// What a client without a good token is told (RFC 6750, section 3; RFC 9728, section 5.1).
    pub(in crate::gateway) fn challenge(&self, refused: Option<Refused>) -> String {
        let mut parts = vec![r#"Bearer realm="config-sync""#.to_owned()];
        match refused {
            None | Some(Refused::NoKeys) => {}
            Some(Refused::Invalid(why)) => {
                parts.push(r#"error="invalid_token""#.to_owned());
                parts.push(format!(r#"error_description="{why}""#));
            }
            Some(Refused::TooLittle) => parts.push(r#"error="insufficient_scope""#.to_owned()),
        }
        if let Some(jwt) = &self.jwt {
            let scopes = jwt.settings().scopes.join(" ");
            if !scopes.is_empty() {
                parts.push(format!(r#"scope="{scopes}""#));
            }
            if let Some(resource) = &jwt.settings().resource {
                parts.push(format!(r#"resource_metadata="{}""#, metadata_of(resource)));
            }
        }
        parts.join(", ")
    }

    /// What clients are told of tokens, if the file says by which address they know this server.
    pub(in crate::gateway) fn metadata(&self) -> Option<Value> {
        let jwt = self.jwt.as_ref()?.settings();
        let mut metadata = json!({
            "resource": jwt.resource.as_ref()?,
            "authorization_servers": jwt.issuers,
            "bearer_methods_supported": ["header"],
        });
        if !jwt.scopes.is_empty() {
            metadata["scopes_supported"] = json!(jwt.scopes);
        }
        Some(metadata)
    }
}

/// The well-known address stands between the host and the path (RFC 9728, section 3.1).
fn metadata_of(resource: &str) -> String {
    let authority = resource.find("://").map_or(0, |at| at + 3);
    let path = resource[authority..]
        .find('/')
        .map_or(resource.len(), |at| authority + at);
    let (origin, path) = resource.split_at(path);
    format!("{origin}{METADATA}{}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> Auth {
        let tokens = [("alice", "a-token-of-alice"), ("bob", "another-of-bob-s")];
        let tokens = tokens.map(|(name, token)| (name.to_owned(), token.as_bytes().into()));
        Auth {
            tokens: tokens.into(),
            jwt: None,
        }
    }

    #[tokio::test]
    async fn a_token_says_whose_it_is() {
        let auth = auth();
        let admit = async |header: &[u8]| auth.admit(header).await;
        assert_eq!(admit(b"Bearer a-token-of-alice").await, Ok("alice".into()));
        assert_eq!(admit(b"bearer  another-of-bob-s").await, Ok("bob".into()));
    }

    #[test]
    fn the_metadata_is_where_the_rfc_says() {
        for (resource, metadata) in [
            (
                "https://a.example/mcp",
                "https://a.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://a.example:8/",
                "https://a.example:8/.well-known/oauth-protected-resource",
            ),
            (
                "http://localhost",
                "http://localhost/.well-known/oauth-protected-resource",
            ),
        ] {
            assert_eq!(metadata_of(resource), metadata);
        }
    }

    #[tokio::test]
    async fn whatever_is_no_token_lets_nobody_in() {
        let auth = auth();
        let wrong: [&[u8]; 8] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Basic a-token-of-alice",
            b"a-token-of-alice",
            b"Bearer a-token-of-alic",
            b"Bearer a-token-of-alicee",
            b"Bearer \xff\xfe",
        ];
        for header in wrong {
            assert!(auth.admit(header).await.is_err(), "{header:?}");
        }
    }
}
