//! Resources that are in no list: clients make their URIs of templates, and a URI leads where the
//! template does that agrees with it. Pure.

use std::collections::HashSet;

use super::catalog::Destination;

/// The templates that clients are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Templates {
    templates: Vec<Destination>,
    /// Resources that a backend lists and clients are not shown, by backend and URI.
    left_out: HashSet<(String, String)>,
}

impl Templates {
    pub(super) fn add(&mut self, template: Destination) {
        self.templates.push(template);
    }

    /// This backend lists a resource that clients are not shown.
    pub(super) fn leave_out(&mut self, backend: &str, uri: &str) {
        self.left_out.insert((backend.to_owned(), uri.to_owned()));
    }

    /// To the backend whose template agrees with the URI for the longest, unless the URI was left
    /// out of what that backend lists: what a filter denies is not to be had by a detour.
    pub(super) fn route(&self, uri: &str) -> Option<Destination> {
        let agrees = |template: &&Destination| {
            uri.starts_with(stem(&template.name))
                && !self
                    .left_out
                    .contains(&(template.backend.clone(), uri.to_owned()))
        };
        let templates = self.templates.iter().filter(agrees);
        let template = templates.max_by_key(|template| stem(&template.name).len())?;
        Some(Destination {
            backend: template.backend.clone(),
            name: uri.to_owned(),
            repeatable: true,
            template: Some(template.name.clone()),
        })
    }
}

/// What a URI template says before its first expression (RFC 6570).
fn stem(template: &str) -> &str {
    template.split('{').next().unwrap_or(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(all: &[(&str, &str)]) -> Templates {
        let mut templates = Templates::default();
        for (backend, template) in all {
            templates.add(Destination {
                backend: (*backend).to_owned(),
                name: (*template).to_owned(),
                repeatable: true,
                template: None,
            });
        }
        templates
    }

    fn backend(templates: &Templates, uri: &str) -> Option<String> {
        templates.route(uri).map(|to| to.backend)
    }

    #[test]
    fn a_resource_goes_where_the_longest_template_leads() {
        let templates = templates(&[("a", "file:///{path}"), ("b", "file:///logs/{day}")]);
        assert_eq!(
            backend(&templates, "file:///logs/monday").as_deref(),
            Some("b")
        );
        assert_eq!(backend(&templates, "file:///etc").as_deref(), Some("a"));
        assert_eq!(backend(&templates, "http://x"), None);
        let to = templates.route("file:///logs/monday");
        assert_eq!(to.unwrap().template.unwrap(), "file:///logs/{day}");
    }

    #[test]
    fn what_a_backend_lists_in_vain_leads_to_another_if_anywhere() {
        let mut templates = templates(&[("a", "file:///{path}"), ("b", "file:{path}")]);
        templates.leave_out("a", "file:///secret");
        assert_eq!(backend(&templates, "file:///secret").as_deref(), Some("b"));
        templates.leave_out("b", "file:///secret");
        assert_eq!(backend(&templates, "file:///secret"), None);
        assert_eq!(backend(&templates, "file:///secre").as_deref(), Some("a"));
    }
}
