//! Auth: who may talk to the host at all. It is asked at the door, before a request is even read,
//! so its place in the list means nothing; inside the chain it passes every call. A token is
//! compared in a time that says nothing about it, and is in no log.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use futures::future::BoxFuture;

use super::{Middleware, Next};
use crate::config::AuthSettings;
use crate::gateway::{Call, Reply};
use crate::secrets::value_of;

pub(in crate::gateway) struct Auth {
    /// Name and token.
    tokens: Vec<(String, Box<[u8]>)>,
}

impl Auth {
    /// With what the tokens stand for in the environment.
    pub(super) fn new(settings: &AuthSettings) -> Result<Self, String> {
        let tokens = settings.tokens.iter().map(|(name, token)| {
            let text = token
                .0
                .resolve(&value_of)
                .map_err(|missing| missing.to_string())?;
            Ok((name.clone(), text.into_bytes().into_boxed_slice()))
        });
        Ok(Self {
            tokens: tokens.collect::<Result<_, String>>()?,
        })
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
    pub(in crate::gateway) fn admit(&self, header: &[u8]) -> Option<&str> {
        let (scheme, token) = header.split_at_checked("Bearer ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return None;
        }
        self.name_of(token.trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> Auth {
        let tokens = [("alice", "a-token-of-alice"), ("bob", "another-of-bob-s")];
        let tokens = tokens.map(|(name, token)| (name.to_owned(), token.as_bytes().into()));
        Auth {
            tokens: tokens.into(),
        }
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let auth = auth();
        assert_eq!(auth.admit(b"Bearer a-token-of-alice"), Some("alice"));
        assert_eq!(auth.admit(b"bearer  another-of-bob-s"), Some("bob"));
    }

    #[test]
    fn whatever_is_no_token_lets_nobody_in() {
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
            assert_eq!(auth.admit(header), None, "{header:?}");
        }
    }
}
