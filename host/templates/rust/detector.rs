//! Decides whether the watched file has changed: here, by its size.

use config_sync_sdk::{
    Compared, Detector, DetectorDescriptor, LastSeen, Observation, Target, Wake, Wakes,
};

/// The detector `{{name}}`.
pub struct Plugin;

config_sync_sdk::export!(detector: Plugin);

impl Detector for Plugin {
    /// What is remembered from one look to the next. The host keeps it, as JSON.
    type Memory = LastSeen<u64>;

    fn describe() -> DetectorDescriptor {
        DetectorDescriptor {
            summary: "compares the size".into(),
            wakes: Wakes::TICK | Wakes::EVENTS,
        }
    }

    fn observe(
        target: &dyn Target,
        _wake: Wake,
        memory: Option<Self::Memory>,
    ) -> Result<Observation<Self::Memory>, String> {
        let size = target.regular().map(|stat| stat.size);
        LastSeen::update(memory, size, |before, now| {
            if before == now {
                Compared::Same
            } else {
                Compared::Changed(format!("size {before} -> {now}"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::Verdict;
    use config_sync_sdk::testing::{FakeTarget, Looks};

    use super::*;

    #[test]
    fn another_size_is_a_change() {
        let mut target = FakeTarget::new("a");
        let mut looks = Looks::<Plugin>::started(&target);
        target.write("bb");
        let seen = looks.look(&target, Wake::Tick);
        assert_eq!(seen, Ok((Verdict::Changed, "size 1 -> 2".into())));
    }
}
