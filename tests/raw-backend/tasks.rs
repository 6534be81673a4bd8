//! Tasks: of 2025-11-25, for clients that ask for them, and of the extension of 2026-07-28, for
//! clients that know it. One ends when its result is asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Fields, golden, talk};

/// As the new era declares them, and as its clients do.
pub(crate) const EXTENSION: &str = r#""io.modelcontextprotocol/tasks":{}"#;
/// As the old era declares them.
pub(crate) const DECLARED: &str =
    r#""tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}"#;
/// On one page of the list.
const PAGE: u64 = 2;

pub(crate) struct Tasks {
    /// With this begins the name of each.
    prefix: String,
    begun: AtomicU64,
}

impl Tasks {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            begun: AtomicU64::new(0),
        }
    }

    fn task(&self, n: u64) -> String {
        let prefix = &self.prefix;
        format!(r#"{{"taskId":"{prefix}{n}","status":"working","ttl":60000,"odd":1e999}}"#)
    }

    /// What it says to this, if it has to do with tasks.
    pub(crate) fn answer(
        &self,
        is_new: bool,
        method: &str,
        params: &str,
        fields: &Fields,
    ) -> Option<Result<String, String>> {
        let begun = self.begun.load(Ordering::Relaxed);
        let named = || {
            let name = talk::text(fields, "taskId");
            let n: u64 = name.strip_prefix(&self.prefix)?.parse().ok()?;
            (n < begun).then(|| self.task(n))
        };
        let named =
            || named().ok_or_else(|| r#"{"code":-32602,"message":"Task not found"}"#.to_owned());
        Some(match method {
            "tools/call" if is_new && params.contains(EXTENSION) => {
                let task = self.task(self.begun.fetch_add(1, Ordering::Relaxed));
                Ok(format!(r#"{{"resultType":"task",{}"#, &task[1..]))
            }
            "tools/call" if fields.contains_key("task") => {
                let task = self.task(self.begun.fetch_add(1, Ordering::Relaxed));
                Ok(format!(r#"{{"task":{task},"odd":1}}"#))
            }
            "tasks/list" => {
                let from: u64 = talk::text(fields, "cursor").parse().unwrap_or(0);
                let to = begun.min(from + PAGE);
                let tasks: Vec<_> = (from..to).map(|n| self.task(n)).collect();
                let next = if to < begun {
                    format!(r#","nextCursor":"{to}""#)
                } else {
                    String::new()
                };
                Ok(format!(
                    r#"{{"odd":1.0,"tasks":[{}]{next}}}"#,
                    tasks.join(",")
                ))
            }
            "tasks/get" | "tasks/cancel" | "tasks/update" => named(),
            "tasks/result" => named().map(|_| golden::CALLED.to_owned()),
            _ => return None,
        })
    }
}
