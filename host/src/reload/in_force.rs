//! What of the configuration that serves is of concern to plugins, and what other plugins mean
//! for it: they may read it in another way.

use super::Trigger;
use super::calls::Calls;
use super::reloader::Reloader;
use crate::config::PluginSettings;

/// What the configuration that serves says of plugins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InForce {
    /// Where they are, and what they may use.
    pub plugins: PluginSettings,
    /// The sections that it has.
    pub sections: Vec<String>,
}

impl Reloader {
    /// Handlers that have come, changed or gone take effect from here on.
    pub(super) fn renew(&mut self) {
        let Some(concerned) = self.handlers.renew() else {
            return;
        };
        let applied = self.applied.as_ref();
        let sections = applied.map(|applied| &applied.checked.config.sections);
        self.stale |= sections.is_some_and(|it| concerned.iter().any(|name| it.contains_key(name)));
    }

    /// Other plugins are at hand: what serves is made anew where that is of concern, and what could
    /// not be served is tried again.
    pub(super) async fn follow_plugins(&mut self, calls: &mut Calls) {
        self.renew();
        let wanted = self.stale || self.rejected.is_some() || self.retry_at.is_some();
        if wanted && !self.is_paused() {
            self.reload(Trigger::Plugins, None, Some(calls)).await;
        }
    }
}
