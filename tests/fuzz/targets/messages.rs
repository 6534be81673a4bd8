//! JSON-RPC messages, one a line: whatever is read is read again from what would be sent of it.

#![no_main]

use config_sync::mcp::{Members, Message, lines, replace_texts};
use futures::StreamExt;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// Bytes of a line; short, so that some are longer.
const LIMIT: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes) {
        let sent = message.to_line();
        assert!(!sent.contains(&b'\n'), "one message is one line");
        let again = Message::parse(&sent).unwrap_or_else(|bad| panic!("{bad:?}"));
        assert_eq!(again.to_line(), sent);
    }
    block_on(async {
        let mut lines = lines(bytes, LIMIT);
        while let Some(Ok(line)) = lines.next().await {
            assert!(line.is_ok_and(|line| line.len() <= LIMIT) || !bytes.is_empty());
        }
    });
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(members) = Members::parse(text) {
        let raw = members.to_raw();
        let again = Members::of(&raw).unwrap();
        assert_eq!(again.to_raw().get(), raw.get());
    }
    if let Ok(json) = serde_json::from_str::<&RawValue>(text) {
        let same = replace_texts(json, |_| Ok::<_, ()>(None)).unwrap();
        assert!(same.is_none(), "nothing was replaced");
        let new = replace_texts(json, |_| Ok::<_, ()>(Some("x".to_owned()))).unwrap();
        if let Some(new) = new {
            serde_json::from_str::<&RawValue>(new.get()).unwrap();
        }
    }
});
