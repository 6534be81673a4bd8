//! What the texts of one entry come to at a time, to see later whether they come to something
//! else: a secret that was changed. It says nothing of them: it is a number, made with a key that
//! only this process has.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::backend::BackendSpec;
use super::middleware::{KeyPlace, MiddlewareSettings, MiddlewareSpec};
use super::template::{Environment, Template};
use super::token::Token;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What each of the texts comes to; nothing, where one that it names is missing.
#[derive(Clone, Debug)]
pub struct Seal(Vec<Option<u64>>);

impl Seal {
    fn of<'a>(texts: impl IntoIterator<Item = &'a Template>, env: Environment<'_>) -> Self {
        let of = |text: &Template| Some(KEY.hash_one(text.resolve(env).ok()?));
        Self(texts.into_iter().map(of).collect())
    }

    /// Whether one of the texts is known to come to something else `now`.
    pub fn is_broken_by(&self, now: &Self) -> bool {
        let mut both = self.0.iter().zip(&now.0);
        both.any(|both| matches!(both, (Some(then), Some(now)) if then != now))
    }

    /// Whether one of the texts comes to something else `now`, or is not to be had and was: somebody
    /// may have taken it back.
    pub fn is_outdated_by(&self, now: &Self) -> bool {
        self.is_broken_by(now) || self.is_doubted_by(now)
    }

    fn is_doubted_by(&self, now: &Self) -> bool {
        let mut both = self.0.iter().zip(&now.0);
        both.any(|(then, now)| then.is_some() && now.is_none())
    }
}

impl BackendSpec {
    /// Of all that it takes to connect it.
    pub fn seal(&self, env: Environment<'_>) -> Seal {
        Seal::of(self.texts(), env)
    }
}

impl MiddlewareSpec {
    /// Of what is not resolved where it is read.
    pub fn seal(&self, env: Environment<'_>) -> Seal {
        let mut texts = Vec::new();
        if let MiddlewareSettings::Auth(auth) = &self.settings {
            texts.extend(auth.tokens.iter().map(|(_, token)| &token.0));
            if let Some(KeyPlace::Url(url)) = auth.jwt.as_ref().map(|jwt| &jwt.keys) {
                texts.push(url);
            }
        }
        Seal::of(texts, env)
    }
}

impl Token {
    /// Of itself.
    pub fn seal(&self, env: Environment<'_>) -> Seal {
        Seal::of([&self.0], env)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(secret: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| (name == "secret:a" && !secret.is_empty()).then(|| secret.to_owned())
    }

    /// Whether it is broken by the other secret, by the same, and by none.
    fn broken(seal: impl Fn(Environment<'_>) -> Seal) -> [bool; 3] {
        let before = seal(&of("a-secret-of-length"));
        ["a-secret-of-fashion", "a-secret-of-length", ""]
            .map(|now| before.is_broken_by(&seal(&of(now))))
    }

    #[test]
    fn a_secret_that_changed_breaks_the_seal_of_what_uses_it_and_one_that_is_missing_does_not() {
        let env = of("0123456789abcdef");
        for backend in [
            json!({"command": "x", "args": ["y", "secret:a"]}),
            json!({"command": "${secret:a}"}),
            json!({"command": "x", "env": {"KEY": "k ${secret:a}"}}),
            json!({"command": "x", "cwd": "/${secret:a}"}),
            json!({"url": "https://h/${secret:a}"}),
            json!({"url": "https://h/", "headers": {"Authorization": "Bearer ${secret:a}"}}),
        ] {
            let spec = BackendSpec::from_json("b", &backend, &env).unwrap();
            assert_eq!(
                broken(|env| spec.seal(env)),
                [true, false, false],
                "{backend}"
            );
        }
        for auth in [
            json!({"token": "secret:a"}),
            json!({"tokens": {"x": "0123456789abcdef", "y": "secret:a"}}),
            json!({"jwt": {"jwks": "https://i/?k=${secret:a}", "issuer": "i", "audience": "a"}}),
        ] {
            let spec = MiddlewareSpec::from_json("auth", "auth", &auth, &env).unwrap();
            assert_eq!(broken(|env| spec.seal(env)), [true, false, false], "{auth}");
        }
        let spec = MiddlewareSpec::from_json("audit", "audit", &json!({}), &env).unwrap();
        assert_eq!(broken(|env| spec.seal(env)), [false; 3]);
    }

    #[test]
    fn one_that_is_missing_hides_no_other_and_is_doubtful_where_it_was_there() {
        let auth = json!({"tokens": {"a": "secret:a", "b": "secret:b"}});
        let env = |a: bool, b: &'static str| {
            move |name: &str| match name {
                "secret:a" => a.then(|| "a-secret-of-length".to_owned()),
                _ => Some(b.to_owned()),
            }
        };
        let (then, other) = ("b-secret-of-length", "b-secret-of-fashion");
        let spec = MiddlewareSpec::from_json("auth", "auth", &auth, &env(true, then)).unwrap();
        let seal = |a, b| spec.seal(&env(a, b));
        let before = seal(true, then);
        assert!(before.is_broken_by(&seal(false, other)));
        assert!(!before.is_broken_by(&seal(false, then)));
        assert!(before.is_doubted_by(&seal(false, then)));
        assert!(!before.is_doubted_by(&seal(true, other)));
        assert!(!seal(false, then).is_doubted_by(&before));
    }

    #[test]
    fn what_moves_from_one_text_to_the_next_breaks_it() {
        let seal = |args: serde_json::Value| {
            let backend = json!({"command": "x", "args": args});
            let spec = BackendSpec::from_json("b", &backend, &|_| None).unwrap();
            spec.seal(&|_| None)
        };
        assert!(seal(json!(["ab", "c"])).is_broken_by(&seal(json!(["a", "bc"]))));
        let shown = format!("{:?}", seal(json!(["hunter2"])));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
