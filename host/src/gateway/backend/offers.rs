//! What a backend offers: all pages of all lists that it declares, as it sends them.

use std::collections::HashMap;
use std::sync::Arc;

use super::peer::{Ask, Link};
use super::{Backend, within};
use crate::gateway::mirrored::mirrored;
use crate::gateway::remainder::Remainder;
use crate::gateway::{Capability, Offer};
use crate::mcp::Members;

/// Pages of one list, after which a backend is taken to be counting for ever.
const MAX_PAGES: usize = 1000;

/// All of it.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Offers {
    pub(in crate::gateway) each: Vec<Offer>,
    /// What its lists say beside them.
    pub(in crate::gateway) remainder: Remainder,
}

impl Backend {
    /// Asks what it offers.
    ///
    /// # Errors
    /// When it does not answer in time or answers nonsense.
    pub(in crate::gateway) async fn refresh(&self) -> Result<(), String> {
        self.list_all()
            .await
            .map_err(|error| self.hidden.out_of(error))
    }

    async fn list_all(&self) -> Result<(), String> {
        let limit = self.spec.timeouts.cap_fetch;
        self.peer.asks_for_offers();
        let offers = within(limit, async {
            let mut offers = Offers::default();
            for kind in Capability::ALL {
                if self.declares(kind) {
                    self.list(kind, &mut offers).await?;
                }
            }
            Ok::<_, String>(offers)
        })
        .await
        .ok_or_else(|| {
            format!(
                "it did not list what it offers within {} s (timeouts.cap_fetch)",
                limit.as_secs_f64()
            )
        })??;
        let offers = Offers {
            each: self.mirror(offers.each),
            ..offers
        };
        self.offers.store(Arc::new(offers));
        Ok(())
    }

    /// That its lists changed, if it said so and was not asked since.
    pub(in crate::gateway) fn says_again(&self) {
        self.peer.says_again();
    }

    /// Notes down what tools want repeated in headers, and leaves out those that say so wrongly,
    /// as 2026-07-28 wants it of clients over HTTP.
    fn mirror(&self, mut offers: Vec<Offer>) -> Vec<Offer> {
        if self.hello.version.has_sessions() || !matches!(self.peer.link, Link::Http(_)) {
            return offers;
        }
        let mut all = HashMap::new();
        offers.retain(|offer| {
            if offer.kind != Capability::Tool {
                return true;
            }
            match mirrored(&offer.item) {
                Ok(none) if none.is_empty() => true,
                Ok(some) => {
                    all.insert(offer.name.clone(), some);
                    true
                }
                Err(why) => {
                    let (backend, tool) = (self.name(), &offer.name);
                    tracing::warn!(backend, tool, why, "a tool is left out");
                    false
                }
            }
        });
        self.mirrored.store(Arc::new(all));
        offers
    }

    fn declares(&self, kind: Capability) -> bool {
        let key = match kind {
            Capability::Tool => "tools",
            Capability::Prompt => "prompts",
            Capability::Resource | Capability::ResourceTemplate => "resources",
        };
        self.hello.capabilities.get(key).is_some()
    }

    /// All pages of one list.
    async fn list(&self, kind: Capability, offers: &mut Offers) -> Result<(), String> {
        let method = kind.list_method();
        let mut params = Members::default();
        for _ in 0..MAX_PAGES {
            let page = match self.peer.request(Ask::own(method, params.clone())).await {
                Ok(page) => page,
                // Templates are a part of `resources` that many servers leave out.
                Err(failure) if failure.is_method_not_found() => return Ok(()),
                Err(failure) => return Err(format!("`{method}` failed: {failure}")),
            };
            let page = Members::of(&page).unwrap_or_default();
            let Some(items) = page.read::<Vec<Members>>(kind.list_key()) else {
                return Err(format!(
                    "its answer to `{method}` has no list `{}` of objects",
                    kind.list_key()
                ));
            };
            for item in items {
                let Some(name) = item.text(kind.name_key()) else {
                    return Err(format!(
                        "its answer to `{method}` has an entry without `{}`",
                        kind.name_key()
                    ));
                };
                offers.each.push(Offer {
                    backend: self.name().to_owned(),
                    kind,
                    name,
                    item: Arc::new(item),
                });
            }
            offers.remainder.note(kind, &page);
            match page.get("nextCursor").filter(|it| it.get() != "null") {
                Some(cursor) => params.set("cursor", cursor.to_owned()),
                None => return Ok(()),
            }
        }
        Err(format!(
            "its answer to `{method}` has more than {MAX_PAGES} pages"
        ))
    }
}
