//! Backends behind TLS that cannot be trusted: nothing is sent there, and the reason is told.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

use super::harness::{Era, Home, Host, RawRemote, config, demo};

/// Who signed the certificate of `elsewhere.example`.
const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/stories/tls/ca.pem");

/// A server with the certificate of another name. It ends with the process.
fn elsewhere() -> u16 {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // That the client leaves is what is wanted.
            let _ = connection.complete_io(&mut stream.unwrap());
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_fails_the_reload_with_the_reason() {
    let far = RawRemote::start(Era::Old).await;
    let (port, plain) = (elsewhere(), far.port());
    for (trusted, port, said) in [
        (Some(CA), port, "its certificate is of another name"),
        (
            None,
            port,
            "nobody who is trusted has signed its certificate",
        ),
        (Some(CA), plain, "there is no connection to it"),
    ] {
        let mut home = Home::of(TempDir::new().unwrap());
        if let Some(trusted) = trusted {
            home = home.with_variable("SSL_CERT_FILE", Path::new(trusted));
        }
        home.save(config("mtime", &demo("one", "echo"), ""));
        let mut host = Host::start_at(home).await;
        let far = format!("  far: {{url: \"https://127.0.0.1:{port}/mcp\"}}\n");
        let event = host
            .settle(config("mtime", &(demo("one", "echo") + &far), ""))
            .await;
        assert_eq!(event.kind, "error");
        let said = format!("it did not answer: {said}");
        assert!(event.message.contains(&said), "{event:?}");
        assert!(host.stop().await.success());
    }
    assert!(far.heads().is_empty());
}
