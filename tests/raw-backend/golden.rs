//! What the raw backend says, and what a client of the gateway must get, to the letter. Full of
//! what no version of MCP knows.

/// Two pages of `tools/list`.
pub(crate) const TOOLS: [&[&str]; 2] = [
    &[
        r#"{"vendor":{"first":true},"name":"golden","title":"Golden","inputSchema":{"type":"object","x-order":["b","a"],"properties":{"b":{"type":"integer","maximum":18446744073709551615},"a":{"$comment":"kept"}},"$schema":"https://json-schema.org/draft/2020-12/schema"},"annotations":{"readOnlyHint":true,"vendorHint":{"deep":[1,null,{"x":1.0}]}},"_meta":{"example.org/cost":0.1},"icons":[{"src":"data:,","flavour":"mint"}],"unknown":null}"#,
        r#"{"name":"mirror","inputSchema":{"type":"object"}}"#,
    ],
    &[
        r#"{"name":"tell","inputSchema":{"type":"object"}}"#,
        r#"{"name":"ask","inputSchema":{"type":"object"}}"#,
        r#"{"name":"withdraw","inputSchema":{"type":"object"}}"#,
        r#"{"name":"beside","inputSchema":{"type":"object"}}"#,
        r#"{"name":"heard","inputSchema":{"type":"object"}}"#,
        r#"{"name":"announce","inputSchema":{"type":"object"}}"#,
        r#"{"name":"refuse","inputSchema":{"type":"object"},"execution":{"taskSupport":"sometimes"}}"#,
        r#"{"name":"hold","description":"","inputSchema":{"type":"object","additionalProperties":{}},"outputSchema":{"type":"object","odd":"yes"}}"#,
        r#"{"name":"babble","inputSchema":{"type":"object"}}"#,
        r#"{"name":"deep","inputSchema":{"type":"object"}}"#,
        r#"{"name":"vast","inputSchema":{"type":"object"}}"#,
        r#"{"name":"sin","inputSchema":{"type":"object"}}"#,
    ],
];

/// `prompts/list`, its one entry.
pub(crate) const PROMPT: &str = r#"{"name":"poem","arguments":[{"name":"metre","required":true,"rhyme":"AABB"}],"_meta":{"n":9007199254740993},"ink":"blue"}"#;

/// `resources/list`, its one entry.
pub(crate) const RESOURCE: &str = r#"{"uri":"raw://thing","name":"thing","size":9007199254740993,"annotations":{"audience":["user"],"smell":"sweet"},"weight":1.5}"#;

/// `resources/templates/list`, its one entry.
pub(crate) const TEMPLATE: &str =
    r#"{"uriTemplate":"raw://by-id/{id}","name":"by-id","cacheable":{"for":60}}"#;

/// What its lists say beside their entries.
pub(crate) const BESIDE: &str =
    r#""odd":{"b":1.0,"a":[]},"_meta":{"example.org/list":18446744073709551616}"#;

/// The result of the tool `golden`.
pub(crate) const CALLED: &str = r#"{"zebra":1,"content":[{"type":"hologram","frames":[1,2,3],"_meta":{"k":"v"}},{"type":"text","text":"plain","tone":"dry","annotations":{"priority":0.5,"colour":"red"}},{"type":"resource_link","uri":"raw://thing","name":"thing","etag":"W/1"}],"structuredContent":{"u64":18446744073709551615,"i64":-9223372036854775808,"beyond double":9007199254740993,"tenth":0.1,"one":1.0,"nothing":null,"none":{},"empty":[],"text":"é \" \\ 🦀"},"isError":false,"_meta":{"example.org/trace":"abc"},"ant":{"nested":{"more":[[[]]]}}}"#;

/// The error of the tool `refuse`.
pub(crate) const REFUSED: &str = r#"{"code":-31999,"message":"not today","data":{"retryAfter":9007199254740993,"why":[null,{"x":1.0}]},"odd":{"b":1.0,"a":[]}}"#;

/// The result of `prompts/get`.
pub(crate) const POEM: &str = r#"{"messages":[{"role":"user","content":{"type":"scent","note":"rose"},"mood":"light"}],"description":"A poem","verse":4,"_meta":{"a":1}}"#;

/// The result of `resources/read`.
pub(crate) const THING: &str = r#"{"contents":[{"uri":"raw://thing","mimeType":"text/plain","text":"thing","revision":18446744073709551615,"_meta":{"b":2}}],"ttl":1.0}"#;

/// The result of `completion/complete`.
pub(crate) const COMPLETED: &str =
    r#"{"completion":{"values":["iamb"],"total":9007199254740993,"swing":true},"meter":[1.0]}"#;

/// The result of a method that no version of MCP has.
pub(crate) const READING: &str = r#"{"thoughts":[18446744073709551616,null],"_meta":{}}"#;

/// What it declares beyond what every server does: at the end of its capabilities.
pub(crate) const BEYOND: &str = r#""experimental":{"x":{"b":1.0,"a":[]}},"extensions":{"example.org/y":{}},"telepathy":{"range":18446744073709551616}"#;

/// What the tool `tell` says before it answers: method, and parameters behind the token for
/// progress where there is one.
pub(crate) const TOLD: [(&str, &str); 4] = [
    (
        "notifications/progress",
        r#""progress":1,"total":9007199254740993,"message":"é","odd":{"b":1,"a":[]}"#,
    ),
    (
        "notifications/message",
        r#"{"level":"info","data":{"n":18446744073709551616},"logger":"raw","odd":1.0}"#,
    ),
    ("notifications/vendor/note", r#"{"z":1e999,"a":[null]}"#),
    (
        "notifications/progress",
        r#""progress":2.0,"_meta":{"example.org/x":{}}"#,
    ),
];

/// What the tool `ask` asks: a name, the method and its parameters.
pub(crate) const ASKED: [(&str, &str, &str); 4] = [
    (
        "first",
        "sampling/createMessage",
        r#"{"messages":[{"role":"user","content":{"type":"hum","hz":440.0}}],"maxTokens":9007199254740993,"odd":{"b":1,"a":[]}}"#,
    ),
    (
        "second",
        "elicitation/create",
        r#"{"requestedSchema":{"type":"object","x-new":1.0,"properties":{}},"message":"é \u00e9","mode":"dance"}"#,
    ),
    ("third", "roots/list", r#"{"odd":18446744073709551616}"#),
    ("fourth", "vendor/ask", r#"{"z":1e999,"a":{}}"#),
];

/// What goes with the questions in the new era.
pub(crate) const STATE: &str = r#""a state \u00e9""#;

/// What it says beside any call, as parameters: that a resource is another, and something that no
/// version of MCP has.
pub(crate) const UPDATED: &str = r#"{"uri":"raw://thing","odd":{"b":1.0,"a":null}}"#;
pub(crate) const NEWS: &str = r#"{"n":18446744073709551616,"z":[],"a":1.0}"#;

/// With what words the tool `withdraw` takes its question back, behind the id.
pub(crate) const WORDS: &str = r#""reason":"never mind","odd":[1.0]"#;
