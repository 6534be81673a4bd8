//! What takes time and a disk or a backend: plans of a reload, and the way back.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Managed, look};
use crate::config::MAX_BYTES;
use crate::gateway::MiddlewarePlugins;
use crate::manage::{Plan, Refused, Restored};
use crate::memory::{self, RestoreError};
use crate::reload::{Handlers, Planner};
use crate::target::Target;

impl Managed {
    pub(super) fn plan_of(
        &self,
        next: Option<Vec<u8>>,
        connect: bool,
    ) -> BoxFuture<'static, Result<Plan, Refused>> {
        let serving = self.standing.borrow().applied.clone();
        let (library, others) = (self.library.clone(), self.others.clone());
        let target = self.watched.clone();
        let turn = self.turns.file.clone();
        async move {
            let serving =
                serving.ok_or_else(|| Refused::NotNow("nothing serves yet".to_owned()))?;
            let path = target.path().to_owned();
            let next = match next {
                Some(next) => next,
                None => look(turn, move || target.read_all(MAX_BYTES))
                    .await
                    .ok_or_else(|| failed(&"its file system does not answer"))?
                    .map_err(|error| failed(&format!("{}: {error}", path.display())))?,
            };
            let mine = library.clone();
            let handlers = tokio::task::spawn_blocking(move || mine.handlers_to_plan())
                .await
                .map_err(|error| failed(&error))?
                .map_err(|error| failed(&error))?;
            let base = path.parent().map(PathBuf::from).unwrap_or_default();
            let name = path.file_name().unwrap_or(path.as_os_str());
            let planner = Planner {
                source: &name.to_string_lossy(),
                handlers: &Handlers::new(handlers),
                detectors: library.as_ref(),
                middleware: &(library.clone() as Arc<dyn MiddlewarePlugins>),
                others: &others,
                connect_in: connect.then_some(base),
            };
            let plan = planner.plan(serving.bytes.to_vec(), next).await;
            let plan = plan.map_err(|lines| Refused::Failed(lines.join("; ")))?;
            Ok(plan)
        }
        .boxed()
    }

    pub(super) fn restored(
        &self,
        to: Option<u64>,
    ) -> BoxFuture<'static, Result<Restored, Refused>> {
        let (root, path) = (self.memory_root(), self.watched.path().to_owned());
        let turn = self.turns.memory.clone();
        async move {
            let root = root?;
            let done = look(turn, move || memory::restore(&root, &path, to)).await;
            let done = done.ok_or_else(|| {
                failed(&"the disk has not answered in time; see what the file holds")
            })?;
            done.map(Restored::from).map_err(refused)
        }
        .boxed()
    }
}

fn refused(error: RestoreError) -> Refused {
    let detail = error.to_string();
    match error {
        RestoreError::Nothing { .. } | RestoreError::NotKept { .. } => Refused::Unknown(detail),
        RestoreError::Same { .. } | RestoreError::NotReadable { .. } => Refused::NotNow(detail),
        RestoreError::Damaged(_) | RestoreError::State(_) => Refused::Failed(detail),
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> Refused {
    Refused::Failed(error.to_string())
}
