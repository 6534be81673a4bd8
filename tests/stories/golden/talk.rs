//! What is said before an answer, what backends ask, what clients tell, and what is said beside
//! any call.

use tempfile::TempDir;

use super::{Pair, said};
use crate::harness::{Way, answer_to, until};

/// How the client answers, by the name of the question.
const ANSWERS: [(&str, &str); 4] = [
    (
        "first",
        r#"{"role":"assistant","content":{"type":"whistle","hz":440.0},"odd":1e999}"#,
    ),
    (
        "second",
        r#"{"action":"accept","content":{"b":18446744073709551616,"a":null}}"#,
    ),
    ("third", r#"{"roots":[{"uri":"file:///x","odd":[1.0]}]}"#),
    ("fourth", r#"{"z":[],"a":{"é":"\u00e9"}}"#),
];
/// What it answers instead, where errors can be answered.
const NO: &str =
    r#"{"code":-7,"message":"no","data":{"n":18446744073709551616,"x":[null]},"odd":[1.0]}"#;

fn told(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

/// The parameters with a member before the others.
fn with_first(member: &str, params: &str) -> String {
    params.replacen('{', &format!("{{{member},"), 1)
}

impl Pair {
    pub(super) async fn what_precedes_an_answer_is_golden(&mut self) {
        for token in [r#""t\u00f6k""#, "9007199254740993"] {
            let mut meta = format!(r#""progressToken":{token}"#);
            if self.way.is_new() {
                meta += r#","io.modelcontextprotocol/logLevel":"debug""#;
            }
            let (before, answer) = self
                .client
                .ask("tools/call", r#""name":"tell""#, &meta)
                .await;
            let expected = said::TOLD.map(|(method, params)| {
                if params.starts_with('{') {
                    return told(method, params);
                }
                told(method, &format!(r#"{{"progressToken":{token},{params}}}"#))
            });
            assert_eq!(before, expected);
            assert_eq!(answer, self.result(said::CALLED, "tools/call"));
        }
    }

    pub(super) async fn questions_and_their_answers_are_golden(&mut self) {
        let (answer, answers) = if self.way.is_new() {
            self.asked_in_results().await
        } else {
            self.asked_by_requests().await
        };
        let answers: Vec<_> = answers
            .iter()
            .map(|(name, answer)| format!(r#""{name}":{answer}"#))
            .collect();
        let state = if self.there.is_new {
            format!(r#","state":{}"#, said::STATE)
        } else {
            String::new()
        };
        let golden = format!(
            r#"{{"content":[],"answers":{{{}}}{state}}}"#,
            answers.join(",")
        );
        assert_eq!(answer, self.result(&golden, "tools/call"));
    }

    /// The result in the end, and what was answered, by the names of the questions.
    async fn asked_by_requests(&mut self) -> (String, Vec<(&'static str, &'static str)>) {
        let call = self
            .client
            .request("tools/call", r#""name":"ask""#, "")
            .await;
        let mut answered = Vec::new();
        loop {
            let message = self.client.hear("a question").await;
            if let Some(answer) = answer_to(&call, &message) {
                answered.sort_by_key(|(name, _)| said::ASKED.iter().position(|it| it.0 == *name));
                return (answer, answered);
            }
            let of = |(_, method, _): &&(&str, &str, &str)| {
                message.contains(&format!(r#""method":"{method}""#))
            };
            let (name, method, params) = said::ASKED.iter().find(of).unwrap();
            let (_, rest) = message.split_once(r#""id":"#).unwrap();
            let (id, _) = rest.split_once(',').unwrap();
            // The token of an asker is its own; what is between the host and the client is not.
            let params = if self.there.is_new {
                (*params).to_owned()
            } else {
                with_first(&format!(r#""_meta":{{"progressToken":{id}}}"#), params)
            };
            let expected =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
            assert_eq!(message, expected);
            if *name == "first" && !self.there.is_new {
                let progress = format!(r#"{{"progressToken":{id},"progress":1.0,"odd":[]}}"#);
                let progress = told("notifications/progress", &progress);
                self.client.say(&progress).await;
            }
            let says_no = *name == "third" && !self.there.is_new;
            let (_, yes) = ANSWERS.iter().find(|it| it.0 == *name).unwrap();
            let (key, answer) = if says_no {
                ("error", NO)
            } else {
                ("result", *yes)
            };
            self.client
                .say(&format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"{key}":{answer}}}"#
                ))
                .await;
            answered.push((*name, answer));
        }
    }

    async fn asked_in_results(&mut self) -> (String, Vec<(&'static str, &'static str)>) {
        let ask = r#""name":"ask""#;
        let question = |(name, method, params): (&str, &str, &str)| {
            format!(r#""{name}":{{"method":"{method}","params":{params}}}"#)
        };
        let answer = |(name, answer): (&str, &str)| format!(r#""{name}":{answer}"#);
        if self.there.is_new {
            let asked = said::ASKED.map(question).join(",");
            let state = said::STATE;
            let required = format!(
                r#"{{"resultType":"input_required","inputRequests":{{{asked}}},"requestState":{state},"odd":1.0}}"#
            );
            self.is_golden("tools/call", ask, required).await;
            let answers = ANSWERS.map(answer).join(",");
            let params = format!(r#"{ask},"inputResponses":{{{answers}}},"requestState":{state}"#);
            let (_, result) = self.client.ask("tools/call", &params, "").await;
            return (result, ANSWERS.to_vec());
        }
        // One after the other, as a server of the old era asks.
        let (_, mut result) = self.client.ask("tools/call", ask, "").await;
        for (number, (asked, answer)) in (1..).zip(said::ASKED.iter().zip(ANSWERS)) {
            let (_, method, params) = *asked;
            let params = with_first(r#""_meta":{"progressToken":"t"}"#, params);
            let asked = question((&number.to_string(), method, &params));
            let expected = format!(
                r#"{{"resultType":"input_required","inputRequests":{{{asked}}},"requestState":"#
            );
            let state = result.strip_prefix(&expected);
            let state = state.unwrap_or_else(|| panic!("{result} is not {expected}"));
            let state = state.strip_suffix('}').unwrap();
            let answers = format!(r#""{number}":{}"#, answer.1);
            let params = format!(r#"{ask},"inputResponses":{{{answers}}},"requestState":{state}"#);
            result = self.client.ask("tools/call", &params, "").await.1;
        }
        (result, ANSWERS.to_vec())
    }

    /// The notifications that reached the backend, once this is among them.
    async fn heard_by_the_backend(&mut self, last: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let (_, said) = self.client.ask("tools/call", r#""name":"heard""#, "").await;
            let (_, rest) = said.split_once(r#""heard":["#).unwrap();
            let (all, _) = rest.rsplit_once(']').unwrap();
            let each = all.split(r#",{"jsonrpc""#).filter(|it| !it.is_empty());
            let start = r#"{"jsonrpc""#;
            heard.extend(each.map(|it| format!("{start}{}", it.trim_start_matches(start))));
            if heard.iter().any(|it| it.contains(last)) {
                return heard;
            }
        }
    }

    pub(super) async fn what_clients_tell_is_golden(&mut self) {
        // What has a number of the client's own names another's request there.
        let not_mine = r#"{"requestId":1,"reason":"not mine"}"#;
        self.client
            .say(&told("notifications/cancelled", not_mine))
            .await;
        let hello = told("notifications/vendor/hello", r#"{"z":1e999,"a":[null]}"#);
        self.client.say(&hello).await;
        let heard = self.heard_by_the_backend("vendor/hello").await;
        assert!(heard.contains(&hello), "{heard:?}");
        assert!(!heard.iter().any(|it| it.contains("not mine")), "{heard:?}");
        let asks_by_requests = !self.way.is_new() && !self.there.is_new;
        if asks_by_requests {
            let progress = r#"{"progressToken":"t","progress":1.0,"odd":[]}"#;
            let progress = told("notifications/progress", progress);
            assert!(heard.contains(&progress), "{heard:?}");
            // It has asked this client for its roots.
            let roots = told("notifications/roots/list_changed", r#"{"odd":1.0}"#);
            self.client.say(&roots).await;
            let heard = self.heard_by_the_backend("roots/list_changed").await;
            assert!(heard.contains(&roots), "{heard:?}");
            self.a_question_is_taken_back().await;
        }
        // Where closing a stream says it, there are no words.
        let has_words = !(self.there.is_http && self.there.is_new) && self.way != Way::Stateless;
        if has_words {
            self.a_call_is_taken_back().await;
        }
    }

    async fn a_question_is_taken_back(&mut self) {
        let params = r#""name":"withdraw""#;
        let call = self.client.request("tools/call", params, "").await;
        let question = self.client.hear("a question").await;
        let (_, rest) = question.split_once(r#""id":"#).unwrap();
        let (id, _) = rest.split_once(',').unwrap();
        let progress = format!(r#"{{"progressToken":{id},"progress":0}}"#);
        self.client
            .say(&told("notifications/progress", &progress))
            .await;
        // In whatever order.
        let (mut answer, mut taken_back) = (None, None);
        while answer.is_none() || taken_back.is_none() {
            let message = self.client.hear("the end of it").await;
            match answer_to(&call, &message) {
                Some(it) => answer = Some(it),
                None => taken_back = Some(message),
            }
        }
        assert_eq!(answer.as_deref(), Some(said::CALLED));
        let words = format!(r#"{{"requestId":{id},{}}}"#, said::WORDS);
        let expected = told("notifications/cancelled", &words);
        assert_eq!(taken_back, Some(expected));
    }

    async fn a_call_is_taken_back(&mut self) {
        let folder = TempDir::new().unwrap();
        let params = format!(
            r#""name":"hold","arguments":{{"folder":"{}"}}"#,
            folder.path().display()
        );
        let call = self.client.request("tools/call", &params, "").await;
        until("the call to be there", || {
            folder.path().join("held").exists()
        })
        .await;
        let words = format!(r#"{{"requestId":{call},"reason":"enough","odd":1.0}}"#);
        self.client
            .say(&told("notifications/cancelled", &words))
            .await;
        let heard = self.heard_by_the_backend(r#""enough""#).await;
        let of_calls = |it: &&String| it.contains("cancelled") && !it.contains("nobody waits");
        let cancelled = heard.iter().find(of_calls).unwrap();
        let number = cancelled.split_once(r#""requestId":"#).unwrap().1;
        let (number, _) = number.split_once(',').unwrap();
        assert!(number.parse::<u64>().is_ok(), "{cancelled}");
        let words = format!(r#"{{"requestId":{number},"reason":"enough","odd":1.0}}"#);
        assert_eq!(*cancelled, told("notifications/cancelled", &words));
    }

    pub(super) async fn what_is_said_beside_calls_is_golden(&mut self) {
        let (updated, news) = (
            "notifications/resources/updated",
            "notifications/vendor/news",
        );
        let expected = if self.way.is_new() {
            let filter = r#""notifications":{"resourceSubscriptions":["raw://thing"]}"#;
            let id = self
                .client
                .request("subscriptions/listen", filter, "")
                .await;
            let subscription =
                format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
            let acknowledged = self.client.hear("an acknowledgement").await;
            let params = format!(r#"{{{filter},{subscription}}}"#);
            let method = "notifications/subscriptions/acknowledged";
            assert_eq!(acknowledged, told(method, &params));
            let params = said::UPDATED.strip_suffix('}').unwrap();
            vec![told(updated, &format!("{params},{subscription}}}"))]
        } else {
            let subscribed = r#""uri":"raw://thing""#;
            self.is_golden("resources/subscribe", subscribed, "{}".to_owned())
                .await;
            let mut expected = vec![told(updated, said::UPDATED)];
            if !self.there.is_new {
                expected.push(told(news, said::NEWS));
            }
            expected
        };
        let call = self
            .client
            .request("tools/call", r#""name":"announce""#, "")
            .await;
        let (mut heard, mut is_answered) = (Vec::new(), false);
        while !is_answered || heard.len() < expected.len() {
            let message = self.client.hear("what is said beside calls").await;
            match answer_to(&call, &message) {
                Some(_) => is_answered = true,
                // Over HTTP it may come while the call is under way yet, as if it were about that.
                None if self.way.is_new() && message == told(news, said::NEWS) => {}
                None => heard.push(message),
            }
        }
        // What comes on several streams has no order.
        heard.sort();
        assert_eq!(heard, expected);
    }

    pub(super) async fn a_batch_is_refused(&mut self) {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        self.client.say(&format!("[{request},{request}]")).await;
        let refused = self.client.hear("a refusal").await;
        assert!(
            refused.contains(r#""code":-32600"#) && refused.contains("one message at a time"),
            "{refused}"
        );
    }
}
