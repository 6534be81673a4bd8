//! The catalog: what clients are shown and where each name leads. Pure: made from what the
//! backends offer and from what the handlers say shall be shown of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::remainder::Remainder;
use super::templates::Templates;
use crate::mcp::{Members, Raw, raw_of};

/// What a backend can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Something to call.
    Tool,
    /// A prompt to fill in.
    Prompt,
    /// Something to read, named by its URI.
    Resource,
    /// A family of resources, named by a URI template.
    ResourceTemplate,
}

impl Capability {
    /// Every one, in the order in which they are asked for.
    pub const ALL: [Self; 4] = [
        Self::Tool,
        Self::Prompt,
        Self::Resource,
        Self::ResourceTemplate,
    ];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "resource template",
        }
    }

    /// The method that lists them.
    pub fn list_method(self) -> &'static str {
        match self {
            Self::Tool => "tools/list",
            Self::Prompt => "prompts/list",
            Self::Resource => "resources/list",
            Self::ResourceTemplate => "resources/templates/list",
        }
    }

    /// Where the list stands in the result of that method.
    pub fn list_key(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::ResourceTemplate => "resourceTemplates",
        }
    }

    /// Where the name stands in an entry of the list, and in the parameters of a call.
    pub fn name_key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::ResourceTemplate => "uriTemplate",
        }
    }
}

/// One thing that a backend offers, with every field as the backend sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The backend.
    pub backend: String,
    /// What it is.
    pub kind: Capability,
    /// The backend's own name for it.
    pub name: String,
    /// The whole entry.
    pub item: Arc<Members>,
}

impl Offer {
    /// The description that the backend gives.
    pub fn description(&self) -> Option<String> {
        self.item.text("description")
    }

    /// The entry with the name and the description that clients see.
    fn shown(&self, shown_as: &str, description: Option<&str>) -> Raw {
        if shown_as == self.name && description.is_none() {
            return self.item.to_raw();
        }
        let mut item = self.item.as_ref().clone();
        let mut set = |key, text: &str| {
            if let Ok(text) = raw_of(&text) {
                item.set(key, text);
            }
        };
        if shown_as != self.name {
            set(self.kind.name_key(), shown_as);
        }
        if let Some(description) = description {
            set("description", description);
        }
        item.to_raw()
    }

    /// Prompts and resources are read; a tool says by its annotations whether it changes anything,
    /// or anything more when it is called again.
    fn is_repeatable(&self) -> bool {
        let annotations = self.item.object("annotations").unwrap_or_default();
        let says = |hint| annotations.read(hint) == Some(true);
        self.kind != Capability::Tool || says("readOnlyHint") || says("idempotentHint")
    }
}

/// What clients shall see: an offer, under the name and description shown to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The backend.
    pub backend: String,
    /// What it is.
    pub kind: Capability,
    /// The backend's own name for it.
    pub name: String,
    /// The name that clients see.
    pub shown_as: String,
    /// `None` keeps the backend's own.
    pub description: Option<String>,
}

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) backend: String,
    /// The backend's own name.
    pub(super) name: String,
    /// To ask for it twice does no more than to ask once, or so its annotations say.
    pub(super) repeatable: bool,
    /// The template that it is of, if it is not listed itself.
    pub(super) template: Option<String>,
}

impl Destination {
    /// The backend itself, and nothing of it by name.
    pub(super) fn whole(backend: &str) -> Self {
        Self {
            backend: backend.to_owned(),
            name: String::new(),
            repeatable: false,
            template: None,
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The name that clients see.
    pub(super) shown_as: String,
    /// The whole entry as clients see it.
    pub(super) json: Raw,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

/// What clients are shown. Two catalogs that show and lead to the same are equal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Catalog {
    lists: HashMap<Capability, Vec<Item>>,
    /// What stands beside them.
    pub(super) remainder: Remainder,
    routes: HashMap<Capability, HashMap<String, Destination>>,
    templates: Templates,
}

/// Which of the lists that clients know differ between two catalogs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// `tools/list`
    pub tools: bool,
    /// `prompts/list`
    pub prompts: bool,
    /// `resources/list` or `resources/templates/list`
    pub resources: bool,
}

impl Catalog {
    /// The catalog of these entries.
    ///
    /// # Errors
    /// An entry that no backend offers, or a name that is shown twice: a catalog with either
    /// would lead a call astray.
    pub(super) fn compose(entries: &[Entry], offers: &[Offer]) -> Result<Self, String> {
        let offered: HashMap<_, _> = offers
            .iter()
            .map(|offer| {
                (
                    (offer.kind, offer.backend.as_str(), offer.name.as_str()),
                    offer,
                )
            })
            .collect();
        let mut catalog = Self::default();
        for entry in entries {
            let Entry {
                backend,
                kind,
                name,
                shown_as,
                description,
            } = entry;
            let offer = offered
                .get(&(*kind, backend.as_str(), name.as_str()))
                .ok_or_else(|| format!("`{backend}` offers no {} `{name}`", kind.as_str()))?;
            let destination = Destination {
                backend: backend.clone(),
                name: name.clone(),
                repeatable: offer.is_repeatable(),
                template: None,
            };
            if *kind == Capability::ResourceTemplate {
                catalog.templates.add(destination.clone());
            }
            let routes = catalog.routes.entry(*kind).or_default();
            if routes.insert(shown_as.clone(), destination).is_some() {
                return Err(format!(
                    "two entries show the {} `{shown_as}`",
                    kind.as_str()
                ));
            }
            let item = Item {
                shown_as: shown_as.clone(),
                json: offer.shown(shown_as, description.as_deref()),
            };
            catalog.lists.entry(*kind).or_default().push(item);
        }
        let is_shown: HashSet<_> = entries
            .iter()
            .map(|it| (it.kind, it.backend.as_str(), it.name.as_str()))
            .collect();
        for (kind, backend, uri) in offered.keys() {
            if *kind == Capability::Resource && !is_shown.contains(&(*kind, *backend, *uri)) {
                catalog.templates.leave_out(backend, uri);
            }
        }
        Ok(catalog)
    }

    /// Everything under its own name; of equal names the first wins. What is shown when no
    /// handler composes.
    pub(super) fn as_offered(offers: &[Offer]) -> Vec<Entry> {
        let mut shown = HashSet::new();
        offers
            .iter()
            .filter(|offer| shown.insert((offer.kind, offer.name.clone())))
            .map(|offer| Entry {
                backend: offer.backend.clone(),
                kind: offer.kind,
                name: offer.name.clone(),
                shown_as: offer.name.clone(),
                description: None,
            })
            .collect()
    }

    /// Lists these no more. Their names still lead somewhere: a call of one is refused on its
    /// way, where the refusal can be told from a name that is not known.
    pub(super) fn hide(&mut self, hidden: impl Fn(Capability, &str) -> bool) {
        for (kind, items) in &mut self.lists {
            items.retain(|item| !hidden(*kind, &item.shown_as));
        }
    }

    /// What clients see of these.
    pub(super) fn items(&self, kind: Capability) -> &[Item] {
        self.lists.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// How many of these clients see.
    pub(super) fn count(&self, kind: Capability) -> usize {
        self.items(kind).len()
    }

    /// Where this name leads. A resource that is not listed goes where a template leads.
    pub(super) fn route(&self, kind: Capability, shown_as: &str) -> Option<Destination> {
        if let Some(destination) = self.routes.get(&kind).and_then(|it| it.get(shown_as)) {
            return Some(destination.clone());
        }
        (kind == Capability::Resource).then(|| self.templates.route(shown_as))?
    }

    /// Which lists a client must read again after this catalog took the place of `before`.
    pub(super) fn changes_since(&self, before: &Self) -> Changes {
        let differs = |kind| {
            self.items(kind) != before.items(kind)
                || self.remainder.differs(&before.remainder, kind)
        };
        Changes {
            tools: differs(Capability::Tool),
            prompts: differs(Capability::Prompt),
            resources: differs(Capability::Resource) || differs(Capability::ResourceTemplate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(backend: &str, kind: Capability, item: &str) -> Offer {
        let item = Members::parse(item).unwrap();
        let name = item.text(kind.name_key()).unwrap();
        Offer {
            backend: backend.to_owned(),
            kind,
            name,
            item: Arc::new(item),
        }
    }

    fn shown(entry: &Entry, shown_as: &str) -> Entry {
        Entry {
            shown_as: shown_as.to_owned(),
            ..entry.clone()
        }
    }

    #[test]
    fn a_renamed_tool_keeps_every_field_it_came_with() {
        let tool = r#"{"name":"echo","x-new":{"big":1e999, "a":1},"inputSchema":{}}"#;
        let offers = [offer("a", Capability::Tool, tool)];
        let entries = [shown(&Catalog::as_offered(&offers)[0], "a_echo")];
        let catalog = Catalog::compose(&entries, &offers).unwrap();
        assert_eq!(
            catalog.items(Capability::Tool)[0].json.get(),
            tool.replace("echo", "a_echo")
        );
        let destination = catalog.route(Capability::Tool, "a_echo").unwrap();
        assert_eq!(
            (destination.backend.as_str(), destination.name.as_str()),
            ("a", "echo")
        );
        assert_eq!(catalog.route(Capability::Tool, "echo"), None);
    }

    #[test]
    fn a_catalog_that_would_lead_astray_is_refused() {
        let offers = [
            offer("a", Capability::Tool, r#"{"name": "echo"}"#),
            offer("b", Capability::Tool, r#"{"name": "echo"}"#),
        ];
        let mut entries = Catalog::as_offered(&offers);
        assert_eq!(entries.len(), 1, "the first wins");
        entries.push(Entry {
            backend: "b".to_owned(),
            ..entries[0].clone()
        });
        let twice = Catalog::compose(&entries, &offers).unwrap_err();
        assert_eq!(twice, "two entries show the tool `echo`");
        entries[1].backend = "c".to_owned();
        let nowhere = Catalog::compose(&entries, &offers).unwrap_err();
        assert_eq!(nowhere, "`c` offers no tool `echo`");
    }

    #[test]
    fn what_is_left_out_of_a_backends_list_is_not_to_be_had_through_its_template() {
        let template = r#"{"uriTemplate": "file:///{path}"}"#;
        let offers = [
            offer(
                "a",
                Capability::Resource,
                r#"{"uri": "file:///secret/key"}"#,
            ),
            offer("a", Capability::ResourceTemplate, template),
        ];
        let all = Catalog::as_offered(&offers);
        let leads = |entries: &[Entry], uri| {
            let catalog = Catalog::compose(entries, &offers).unwrap();
            catalog.route(Capability::Resource, uri).is_some()
        };
        assert!(leads(&all, "file:///secret/key"));
        assert!(!leads(&all[1..], "file:///secret/key"));
        assert!(leads(&all[1..], "file:///notes"));
        let renamed = [shown(&all[0], "x:key"), all[1].clone()];
        assert!(leads(&renamed, "file:///secret/key"), "it is shown");
    }

    #[test]
    fn only_the_lists_that_differ_have_changed() {
        let tool = [offer("a", Capability::Tool, r#"{"name": "echo"}"#)];
        let catalog = Catalog::compose(&Catalog::as_offered(&tool), &tool).unwrap();
        let changes = catalog.changes_since(&Catalog::default());
        assert_eq!(
            changes,
            Changes {
                tools: true,
                ..Changes::default()
            }
        );
        assert_eq!(catalog.changes_since(&catalog), Changes::default());
    }
}
