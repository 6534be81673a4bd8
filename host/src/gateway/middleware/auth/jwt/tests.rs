//! Tokens that are right in everything, and such as are wrong in one thing.

use std::fs;
use std::time::Duration;

use ::ring::hmac;
use ::ring::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::get_current_timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::advance;

use super::*;
use crate::config::KeyPlace;
use crate::events::EventKind;

struct Issuer {
    key: Ed25519KeyPair,
    id: &'static str,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        let seed = [id.as_bytes()[0]; 32];
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        Self { key, id }
    }

    fn jwk(&self) -> Value {
        let x = base64(self.key.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            base64(header.to_string()),
            base64(claims.to_string())
        );
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", base64(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(
            &json!({"alg": "EdDSA", "kid": self.id, "typ": "JWT"}),
            claims,
        )
    }
}

/// Right in everything.
fn claims() -> Value {
    json!({
        "iss": "https://issuer", "aud": ["other", "https://here/mcp"], "sub": "alice",
        "exp": get_current_timestamp() + 1000, "scope": "tools read",
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

struct Scene {
    folder: TempDir,
    jwt: Jwt,
    bus: EventBus,
}

impl Scene {
    fn new(issuers: &[&Issuer]) -> Self {
        let folder = TempDir::new().unwrap();
        let bus = EventBus::default();
        write(&folder, issuers);
        let settings = JwtSettings {
            keys: KeyPlace::File("jwks.json".into()),
            issuers: vec!["https://issuer".into()],
            audiences: vec!["https://here/mcp".into()],
            algorithms: vec![SignatureAlgorithm::EdDsa, SignatureAlgorithm::Rs256],
            leeway: Duration::from_secs(60),
            caller: "sub".into(),
            scopes: vec!["tools".into()],
            resource: None,
        };
        let jwt = Jwt::new(&settings, None, &Secrets::default(), folder.path(), &bus).unwrap();
        Self { folder, jwt, bus }
    }

    async fn check(&self, token: &str) -> Result<String, Refused> {
        self.jwt.check(token.as_bytes()).await
    }

    /// Why a token is invalid.
    async fn refused(&self, token: &str) -> &'static str {
        match self.check(token).await {
            Err(Refused::Invalid(why)) => why,
            other => panic!("{other:?}: {token}"),
        }
    }

    fn events(&self) -> Vec<EventKind> {
        let events = self.bus.since(0).events;
        events.into_iter().map(|event| event.kind).collect()
    }
}

fn write(folder: &TempDir, issuers: &[&Issuer]) {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    fs::write(
        folder.path().join("jwks.json"),
        json!({ "keys": keys }).to_string(),
    )
    .unwrap();
}

#[tokio::test]
async fn a_token_says_who_calls_and_one_wrong_thing_is_enough_to_refuse_it() {
    let (ours, other) = (Issuer::new("ours"), Issuer::new("xther"));
    let scene = Scene::new(&[&ours]);
    let now = get_current_timestamp();
    assert_eq!(
        scene.check(&ours.token(&claims())).await,
        Ok("alice".into())
    );
    let late = ours.token(&with("exp", json!(now - 30)));
    assert_eq!(
        scene.check(&late).await,
        Ok("alice".into()),
        "by the leeway"
    );
    let listed = ours.token(&with("scope", json!(["tools"])));
    assert_eq!(scene.check(&listed).await, Ok("alice".into()));

    for (claims, why) in [
        (with("exp", json!(now - 100)), "it has expired"),
        (with("nbf", json!(now + 100)), "it is not valid yet"),
        (
            with("iss", json!("https://other")),
            "it is from another issuer",
        ),
        (
            with("aud", json!("https://there")),
            "it is for another audience",
        ),
        (
            without("exp"),
            "it does not say by whom, for whom or how long it is",
        ),
        (
            without("iss"),
            "it does not say by whom, for whom or how long it is",
        ),
        (
            without("aud"),
            "it does not say by whom, for whom or how long it is",
        ),
        (
            with("exp", json!("soon")),
            "it does not say by whom, for whom or how long it is",
        ),
        (without("sub"), "it does not say whose it is"),
        (with("sub", json!(7)), "it does not say whose it is"),
        (
            with("sub", json!("x".repeat(300))),
            "it has a name that is too long",
        ),
    ] {
        assert_eq!(scene.refused(&ours.token(&claims)).await, why, "{claims}");
    }
    for granted in [without("scope"), with("scope", json!("toolsy"))] {
        let checked = scene.check(&ours.token(&granted)).await;
        assert_eq!(checked, Err(Refused::TooLittle));
    }

    let forged = other.sign(&json!({"alg": "EdDSA", "kid": "ours"}), &claims());
    assert_eq!(scene.refused(&forged).await, "its signature is wrong");
    let unknown = other.token(&claims());
    assert_eq!(scene.refused(&unknown).await, UNKNOWN_KEY);
    let critical = ours.sign(
        &json!({"alg": "EdDSA", "kid": "ours", "crit": ["b64"]}),
        &claims(),
    );
    assert_eq!(
        scene.refused(&critical).await,
        "it wants an extension that is not there"
    );
    let mixed = ours.sign(&json!({"alg": "RS256", "kid": "ours"}), &claims());
    assert_eq!(scene.refused(&mixed).await, UNKNOWN_KEY);
}

#[tokio::test]
async fn nothing_unsigned_and_nothing_signed_with_a_public_key_as_a_secret_comes_in() {
    let ours = Issuer::new("ours");
    let scene = Scene::new(&[&ours]);
    let signed = ours.token(&claims());
    let (message, _) = signed.rsplit_once('.').unwrap();
    let bare = format!(
        "{}.{}.",
        base64(r#"{"alg":"none"}"#),
        base64(claims().to_string())
    );
    for wrong in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        message,
        &bare,
        &format!("{signed}.x"),
    ] {
        assert_eq!(scene.refused(wrong).await, "it is no JWT", "{wrong}");
    }
    let header = base64(json!({"alg": "HS256", "kid": "ours"}).to_string());
    let message = format!("{header}.{}", base64(claims().to_string()));
    let public = ours.key.public_key();
    for secret in [public.as_ref(), base64(public).as_bytes()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let signature = base64(hmac::sign(&key, message.as_bytes()));
        let token = format!("{message}.{signature}");
        assert_eq!(scene.refused(&token).await, "its algorithm is not allowed");
    }
    let long = "x".repeat(LONGEST + 1);
    assert_eq!(scene.refused(&long).await, "it is too long");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_when_a_token_names_it_and_no_more_often_than_that() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let scene = Scene::new(&[&old]);
    let (by_old, by_new) = (old.token(&claims()), new.token(&claims()));
    assert_eq!(scene.check(&by_old).await, Ok("alice".into()));
    write(&scene.folder, &[&old, &new]);
    assert_eq!(scene.refused(&by_new).await, UNKNOWN_KEY, "too early");
    advance(Duration::from_secs(10)).await;
    assert_eq!(scene.check(&by_new).await, Ok("alice".into()));
    assert_eq!(scene.check(&by_old).await, Ok("alice".into()));

    // A token without a key's name is tried with all.
    let nameless = new.sign(&json!({"alg": "EdDSA"}), &claims());
    assert_eq!(scene.check(&nameless).await, Ok("alice".into()));
    assert_eq!(scene.events(), []);
}

#[tokio::test(start_paused = true)]
async fn while_the_keys_cannot_be_had_the_old_ones_serve_on() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let scene = Scene::new(&[&old]);
    fs::write(scene.folder.path().join("jwks.json"), "no keys").unwrap();
    for _ in 0..3 {
        advance(Duration::from_secs(10)).await;
        assert_eq!(scene.refused(&new.token(&claims())).await, UNKNOWN_KEY);
        assert_eq!(scene.check(&old.token(&claims())).await, Ok("alice".into()));
    }
    assert_eq!(scene.events(), [EventKind::Degraded], "told once");

    // A reload that changes something else keeps them too.
    let mut settings = scene.jwt.settings().clone();
    settings.scopes.clear();
    let next = Jwt::new(
        &settings,
        Some(&scene.jwt),
        &Secrets::default(),
        scene.folder.path(),
        &scene.bus,
    )
    .unwrap();
    let token = old.token(&without("scope"));
    assert_eq!(next.check(token.as_bytes()).await, Ok("alice".into()));

    write(&scene.folder, &[&new]);
    advance(Duration::from_secs(10)).await;
    assert_eq!(scene.check(&new.token(&claims())).await, Ok("alice".into()));
    assert_eq!(scene.events(), [EventKind::Degraded, EventKind::State]);
    assert_eq!(
        scene.refused(&old.token(&claims())).await,
        UNKNOWN_KEY,
        "taken back"
    );
}

#[test]
fn a_file_without_keys_is_an_error_where_it_is_named() {
    let scene = Scene::new(&[&Issuer::new("ours")]);
    let mut settings = scene.jwt.settings().clone();
    settings.keys = KeyPlace::File("none.json".into());
    let error = Jwt::new(
        &settings,
        None,
        &Secrets::default(),
        scene.folder.path(),
        &scene.bus,
    )
    .err();
    assert!(error.unwrap().contains("none.json: it cannot be read"));
}
