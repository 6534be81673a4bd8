//! What is not as it should be, told from the status alone: one line each, with what to do. Pure.

use super::{Detection, Status, Watching};

const AGAIN: &str = "`config-sync resume` or SIGHUP reloads and watches again";

impl Status {
    /// The file is followed, what it holds serves, and nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.live && self.troubles.is_empty()
    }

    /// This status with its troubles, the gravest first.
    #[must_use]
    pub fn judged(mut self) -> Self {
        let troubles = [self.of_file(), self.of_watching()].into_iter().flatten();
        let troubles = troubles.chain(self.of_detection());
        let backends = self.backends.iter().filter(|it| it.should_serve());
        let backends = backends.filter_map(|backend| {
            let reason = backend.reason.as_ref()?;
            Some(format!("backend `{}`: {reason}", backend.name))
        });
        self.troubles = troubles.chain(backends).collect();
        self
    }

    /// Why the file is not what serves; nothing, where it is.
    fn of_file(&self) -> Option<String> {
        if let Some(error) = &self.on_disk.error {
            let file = &self.config;
            return Some(format!(
                "{file}: {error}; the last good configuration serves"
            ));
        }
        let last = self.last_reload.as_ref();
        let about = last.filter(|last| last.digest == self.on_disk.digest);
        if self.on_disk.same
            && let Some(last) = about.filter(|last| matches!(&*last.outcome, "failed" | "rejected"))
        {
            return Some(format!(
                "what the file holds serves as it did before, for to load it anew was {}: {}",
                last.outcome,
                last.reasons.first().map_or("", String::as_str)
            ));
        }
        if self.on_disk.same || self.serves.is_none() {
            return None;
        }
        Some(match about {
            Some(last) if last.outcome == "unchanged" => format!(
                "what the file holds does not serve: {}",
                last.reasons.first().map_or("", String::as_str)
            ),
            Some(last) if last.outcome != "applied" => format!(
                "what the file holds does not serve, it was {}: {}",
                last.outcome,
                last.reasons.first().map_or("", String::as_str)
            ),
            _ if self.live => {
                "the file holds other bytes than those that serve; they have not come to rest, or \
                 are being tried"
                    .to_owned()
            }
            _ => "the file holds other bytes than those that serve, and nobody has tried them"
                .to_owned(),
        })
    }

    fn of_watching(&self) -> Option<String> {
        match self.watching {
            Watching::On | Watching::NotYet => None,
            Watching::Paused => Some(format!("watching is paused; {AGAIN}")),
            Watching::Stopped => Some(format!("watching has stopped (on_failure: stop); {AGAIN}")),
            Watching::Off => Some(
                "the file is not watched (sync.enabled: false); `config-sync reload` loads it"
                    .to_owned(),
            ),
        }
    }

    fn of_detection(&self) -> Vec<String> {
        let Some(Detection {
            wanted,
            detector,
            stands_in,
            degraded,
            ..
        }) = &self.detection
        else {
            return Vec::new();
        };
        let stands_in = stands_in.then(|| {
            format!(
                "`{wanted}` keeps failing or cannot be had, `{detector}` looks in its place; \
                 `config-sync events --type error` says why"
            )
        });
        let degraded = degraded.as_ref().map(|reason| {
            format!("events of the operating system cannot be trusted, polling instead: {reason}")
        });
        stands_in.into_iter().chain(degraded).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manage::tests::status;
    use crate::manage::{Backend, BackendState, Health, LastReload};

    fn troubles(change: impl FnOnce(&mut Status)) -> Vec<String> {
        let mut status = status();
        change(&mut status);
        status.judged().troubles
    }

    /// A reload of what the file holds.
    fn ended(status: &Status, outcome: &str, reason: &str) -> LastReload {
        LastReload {
            started: String::new(),
            ended: String::new(),
            trigger: "detector".to_owned(),
            outcome: outcome.to_owned(),
            reasons: vec![reason.to_owned()],
            digest: status.on_disk.digest.clone(),
            serves: status.on_disk.same,
            generation: 1,
        }
    }

    #[test]
    fn a_host_that_serves_what_the_file_says_is_well() {
        assert!(status().judged().is_well());
    }

    #[test]
    fn a_broken_edit_is_told_with_its_reason_as_long_as_it_stands_there() {
        let told = troubles(|status| {
            status.on_disk.same = false;
            status.on_disk.digest = Some("cd".to_owned());
            status.last_reload = Some(ended(status, "rejected", "config.yaml:3:1: no"));
        });
        assert_eq!(
            told,
            ["what the file holds does not serve, it was rejected: config.yaml:3:1: no"]
        );
    }

    #[test]
    fn that_what_serves_could_not_be_made_anew_is_told_as_well() {
        let told = troubles(|status| {
            status.last_reload = Some(ended(status, "failed", "there is no secret `key`"));
        });
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].ends_with("was failed: there is no secret `key`"),
            "{told:?}"
        );
    }

    #[test]
    fn each_trouble_says_what_to_do() {
        let told = troubles(|status| {
            status.watching = Watching::Stopped;
            status.on_disk.error = Some("it does not exist".to_owned());
            let detection = status.detection.as_mut().unwrap();
            detection.stands_in = true;
            detection.degraded = Some("it is on NFS".to_owned());
            status.backends.push(Backend {
                name: "web".to_owned(),
                state: BackendState::Missing,
                process: None,
                tools: 0,
                reason: Some("it does not start".to_owned()),
                health: Health::Down,
                since: "2026-11-24T08:14:02.250+01:00".to_owned(),
                breaker: None,
                load: crate::manage::Load::default(),
            });
            let leaving = Backend {
                state: BackendState::Apart,
                health: Health::Draining,
                ..status.backends[1].clone()
            };
            status.backends.push(leaving);
        });
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[1].contains("`config-sync resume`"), "{told:#?}");
        assert!(told[4].contains("backend `web`"), "{told:#?}");
        let paused = troubles(|status| status.watching = Watching::Paused);
        assert!(paused[0].contains("`config-sync resume`"), "{paused:?}");
    }
}
