//! The words of `wit/` that settings are written in: `after: [applied]`, `signal: hangup`.

use serde::{Deserialize, Deserializer};

use crate::{Outcome, Signal};

#[derive(Deserialize)]
#[serde(remote = "Outcome", rename_all = "kebab-case")]
enum OutcomeWord {
    Applied,
    Rejected,
    Failed,
    Reverted,
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(words: D) -> Result<Self, D::Error> {
        OutcomeWord::deserialize(words)
    }
}

#[derive(Deserialize)]
#[serde(remote = "Signal", rename_all = "kebab-case")]
enum SignalWord {
    Hangup,
    User1,
    User2,
    Interrupt,
    Terminate,
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(words: D) -> Result<Self, D::Error> {
        SignalWord::deserialize(words)
    }
}
