//! What a backend offers: all pages of all lists that it declares, as it sends them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Backend, within};
use crate::gateway::{Capability, Offer};
use crate::mcp::{Members, RpcError};

/// Pages of one list, after which a backend is taken to be counting for ever.
const MAX_PAGES: usize = 1000;

impl Backend {
    /// Asks what it offers.
    ///
    /// # Errors
    /// When it does not answer in time or answers nonsense.
    pub(in crate::gateway) async fn refresh(&self) -> Result<(), String> {
        let limit = self.spec.timeouts.cap_fetch;
        let offers = within(limit, async {
            let mut offers = Vec::new();
            for kind in Capability::ALL {
                if self.declares(kind) {
                    offers.extend(self.list(kind).await?);
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
        self.offers.store(Arc::new(offers));
        Ok(())
    }

    fn declares(&self, kind: Capability) -> bool {
        self.peer.peer_info().is_none_or(|info| match kind {
            Capability::Tool => info.capabilities.tools.is_some(),
            Capability::Prompt => info.capabilities.prompts.is_some(),
            Capability::Resource | Capability::ResourceTemplate => {
                info.capabilities.resources.is_some()
            }
        })
    }

    /// All pages of one list.
    async fn list(&self, kind: Capability) -> Result<Vec<Offer>, String> {
        let method = kind.list_method();
        let (mut offers, mut params) = (Vec::new(), Members::default());
        for _ in 0..MAX_PAGES {
            let page = match self
                .ask(method, params.clone(), &CancellationToken::new())
                .await
            {
                Ok(page) => page,
                // Templates are a part of `resources` that many servers leave out.
                Err(error) if error.code == RpcError::METHOD_NOT_FOUND => return Ok(offers),
                Err(error) => return Err(format!("`{method}` failed: {error}")),
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
                offers.push(Offer {
                    backend: self.name.clone(),
                    kind,
                    name,
                    item: Arc::new(item),
                });
            }
            match page.get("nextCursor").filter(|it| it.get() != "null") {
                Some(cursor) => params.set("cursor", cursor.to_owned()),
                None => return Ok(offers),
            }
        }
        Err(format!(
            "its answer to `{method}` has more than {MAX_PAGES} pages"
        ))
    }
}
