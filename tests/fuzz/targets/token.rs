//! What a client shows as its token, where signed ones are asked for: any text, or header and
//! claims of one that is made right and signed by nobody. None lets in, none ends anything.

#![no_main]

mod wires;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use config_sync::config::MiddlewareSpec;
use config_sync::gateway::Gateway;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wires::Wires;

/// RFC 7515, A.2 and A.3.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"e","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kty":"RSA","kid":"r","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;

struct World {
    runtime: Runtime,
    gateway: Arc<Gateway>,
    _keys: TempDir,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let keys = TempDir::new().unwrap();
        let file = keys.path().join("keys.json");
        std::fs::write(&file, KEYS).unwrap();
        let jwt = json!({"jwks": file, "issuer": "https://issuer", "audience": "x"});
        let auth = MiddlewareSpec::from_json("auth", "auth", &json!({ "jwt": jwt }), &|_| None);
        let runtime = wires::runtime();
        let wires = Wires::well();
        let gateway = runtime.block_on(wires.gateway_behind(vec![auth.unwrap()]));
        Self {
            runtime,
            gateway,
            _keys: keys,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [how, bytes @ ..] = bytes else { return };
    let token = if how % 2 == 0 {
        bytes.to_vec()
    } else {
        let mut parts = bytes.splitn(3, |byte| *byte == 0xff);
        let mut next = || URL_SAFE_NO_PAD.encode(parts.next().unwrap_or_default());
        format!("{}.{}.{}", next(), next(), next()).into_bytes()
    };
    // What ends the header is another target's.
    if token.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return;
    }
    let request = [
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Bearer ",
        token.as_slice(),
        b"\r\n\r\n",
    ]
    .concat();
    WORLD.with(|world| {
        let said = world.runtime.block_on(wires::say(&world.gateway, &request));
        let said = String::from_utf8_lossy(&said);
        let refused = ["HTTP/1.1 401", "HTTP/1.1 400", "HTTP/1.1 431"];
        assert!(refused.iter().any(|it| said.starts_with(it)), "{said}");
    });
});
