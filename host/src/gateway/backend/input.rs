//! A backend of the new era that cannot go on without an answer says so by `input_required`
//! (2026-07-28, "Multi round-trip requests"). A client of the old era knows no such thing: the
//! gateway asks it, and calls again with what it answered.

use std::sync::Arc;

use futures::future::join_all;

use super::Backend;
use super::era::InputRequired;
use super::peer::Peer;
use crate::gateway::client::{Client, Question};
use crate::gateway::{Call, CallError, Reply};
use crate::mcp::{Id, Members, Raw, RpcError, raw_of};

/// After so many rounds a backend is taken to be asking for ever.
const ROUNDS: usize = 10;

/// Calls, and answers what the backend asks, until there is a result.
pub(super) async fn rounds(backend: &Backend, peer: &Arc<Peer>, call: Call) -> Reply {
    let mut next = call.clone();
    for _ in 0..ROUNDS {
        let result = backend.ask(peer, next).await?;
        let Some(required) = InputRequired::of(&result) else {
            return Ok(result);
        };
        let answers = answers(&call, required.requests).await?;
        next = call.clone();
        next.params.set("inputResponses", answers.to_raw());
        if let Some(state) = required.state {
            next.params.set("requestState", state);
        }
    }
    Err(CallError::internal(format!(
        "backend `{}` asked for more {ROUNDS} times and gave no result",
        call.backend
    )))
}

/// What the client answers, each question by itself.
async fn answers(call: &Call, requests: Members) -> Result<Members, CallError> {
    let asked = requests.iter().map(|(name, question)| {
        let answer = ask(&call.client, &call.request, question.to_owned());
        async move { answer.await.map(|answer| (name.to_owned(), answer)) }
    });
    let _asked = call.asking.begin();
    let answers = tokio::select! {
        answers = join_all(asked) => answers,
        () = call.cancelled.cancelled() => return Err(CallError::cancelled()),
    };
    let answers: Result<Vec<_>, RpcError> = answers.into_iter().collect();
    let answers = answers.map_err(|error| {
        CallError::internal(format!(
            "backend `{}` needs an answer that the client did not give: {error}",
            call.backend
        ))
    })?;
    Ok(answers.into_iter().collect())
}

async fn ask(client: &Arc<dyn Client>, about: &Id, question: Raw) -> Result<Raw, RpcError> {
    let question = Members::of(&question).unwrap_or_default();
    let Some(method) = question.text("method") else {
        return Err(RpcError::new(
            RpcError::INVALID_REQUEST,
            "a question without a method",
        ));
    };
    let params = question.get("params").map(ToOwned::to_owned);
    let params = params.or_else(|| raw_of(&Members::default()).ok());
    client
        .ask(Some(about), Question::plain(method, params))
        .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::gateway::fake_client::{FakeClient, call};

    #[tokio::test(start_paused = true)]
    async fn the_clock_of_a_call_stands_while_its_client_answers() {
        let second = Duration::from_secs(1);
        let call = Call {
            client: FakeClient::thinking("x", 40 * second),
            ..call("a")
        };
        let question = r#"{"1": {"method": "elicitation/create", "params": {}}}"#;
        let began = Instant::now();
        let asked = answers(&call, Members::parse(question).unwrap());
        let (answers, ()) = tokio::join!(asked, call.asking.run_out(30 * second));
        assert_eq!(answers.unwrap().to_raw().get(), r#"{"1":{}}"#);
        assert_eq!(began.elapsed(), 70 * second);
    }
}
