//! The signatures of tokens, checked by ring: the one cryptography that is in the host anyway, for
//! TLS. Signs nothing, and knows no algorithm with a shared secret.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as checks;

/// What `jsonwebtoken` checks signatures with. Installed once in a process.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_: &Algorithm, _: &EncodingKey| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: check,
    // Only thumbprints and private keys need them.
    key_utils: KeyUtils::new_unimplemented(),
};

pub(super) fn install() {
    // The error says that it is installed already.
    let _ = PROVIDER.install_default();
}

fn check(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let is_public = algorithm.family() != AlgorithmFamily::Hmac;
    if !is_public || algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Check {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let checked = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let key = checks::RsaPublicKeyComponents { n, e };
                rsa(self.algorithm).map(|rsa| key.verify(rsa, message, signature))
            }
            DecodingKeyKind::SecretOrDer(key) => curve(self.algorithm)
                .map(|curve| checks::UnparsedPublicKey::new(curve, key).verify(message, signature)),
        };
        match checked {
            Some(Ok(())) => Ok(()),
            _ => Err(signature::Error::new()),
        }
    }
}

/// Of 2048 bits or more.
fn rsa(algorithm: Algorithm) -> Option<&'static checks::RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &checks::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &checks::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &checks::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &checks::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &checks::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &checks::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn checks::VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &checks::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &checks::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &checks::ED25519,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix A.2 of RFC 7515.
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    fn verify(message: &str, algorithm: Algorithm) -> bool {
        install();
        let key = DecodingKey::from_rsa_components(N, "AQAB").unwrap();
        jsonwebtoken::crypto::verify(SIGNATURE, message.as_bytes(), &key, algorithm)
            .unwrap_or(false)
    }

    #[test]
    fn the_rfc_s_own_token_is_right_and_nothing_that_differs_from_it() {
        assert!(verify(MESSAGE, Algorithm::RS256));
        assert!(!verify(&MESSAGE.replace("joe", "jim"), Algorithm::PS256));
        assert!(!verify(&format!("{MESSAGE}x"), Algorithm::RS256));
        assert!(!verify(MESSAGE, Algorithm::RS384));
    }

    #[test]
    fn a_public_key_is_no_secret_to_sign_with() {
        install();
        for (algorithm, key) in [
            (
                Algorithm::HS256,
                DecodingKey::from_rsa_components(N, "AQAB").unwrap(),
            ),
            (Algorithm::HS256, DecodingKey::from_secret(N.as_bytes())),
            (Algorithm::RS256, DecodingKey::from_secret(N.as_bytes())),
            (Algorithm::ES256, DecodingKey::from_ed_der(&[1; 32])),
        ] {
            assert!(check(&algorithm, &key).is_err(), "{algorithm:?}");
        }
    }
}
