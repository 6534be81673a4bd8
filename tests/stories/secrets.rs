//! A secret reaches whoever it is for, and is in nothing else that comes out of the host.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::harness::{
    Client, Home, Host, RawClient, binary, config, demo, get, http, knock, until,
};

/// Nothing else in the world looks like this.
const CANARY: &str = "canary-7f3a91c2-never-to-be-seen";
const TOKEN: &str = "canary-token-51d0-never-to-be-seen";

/// A secret that stands in the file itself, in an address.
const LITERAL: &str = "canary-literal-9e20-not-to-be-shown";

/// A backend that writes down what it was given, and others that fail with it in every place.
fn text(folder: &Path, tools: &str, rest: &str) -> String {
    let got = folder.join("got");
    let got = got.display();
    let binary = binary();
    let binary = binary.display();
    let script =
        format!("printf %s \\\"$KEY$0\\\" > {got} && exec {binary} demo-server --tools {tools}");
    // It says to everybody which key it does not like, on both outputs.
    let tells = r#"  tells: {command: sh, env: {KEY: "secret:key"}, required: false, args: ["-c", 'echo "$KEY" >&2; while read l; do i=$((i+1)); echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"error\":{\"code\":-1,\"message\":\"bad key $KEY\"}}"; done']}"#;
    let backends = format!(
        "{tells}\n  one: {{command: sh, args: [\"-c\", \"{script}\", \"${{secret:key}}\"], env: {{KEY: \"secret:key\"}}}}\n  \
         none: {{command: \"./none-${{secret:key}}\", required: false}}\n  \
         exits: {{command: \"false\", args: [\"secret:key\"], required: false}}\n  \
         remote: {{url: \"http://127.0.0.1:1/${{secret:key}}?k=${{secret:key}}\", \
         headers: {{Authorization: \"Bearer ${{secret:key}}\"}}, required: false}}\n  \
         literal: {{url: \"http://127.0.0.1:1/mcp?key={LITERAL}\", required: false}}\n"
    );
    config("mtime", &backends, rest)
}

/// Every file below this folder that holds one of the canaries.
fn search(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            if text.contains(CANARY) || text.contains(TOKEN) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[tokio::test]
async fn a_secret_is_where_it_belongs_and_nowhere_else() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_owned();
    fs::create_dir(root.join("secrets")).unwrap();
    fs::write(root.join("secrets/key"), format!("{CANARY}\n")).unwrap();
    fs::write(root.join("secrets/token"), TOKEN).unwrap();
    let middleware = "middleware: [{audit: {arguments: true}}, {auth: {token: \"secret:token\", jwt: \
                      {jwks: \"https://keys:${secret:key}@127.0.0.1:1/${secret:key}?k=${secret:key}\", \
                      issuer: i, audience: a}}}, \
                      {arguments: {fixed: {mirror: {text: \"secret:key\"}}}}]\n";
    let home = Home::of(folder).with_everything();
    let managed = |text: String| {
        let management = "port: 0, management: {enabled: true, port: 0, token: \"secret:token\"}";
        text.replace("port: 0", management)
    };
    let text = |tools: &str, middleware: &str| managed(text(&root, tools, middleware));
    home.save(text("echo", middleware));
    let mut host = Host::start_at(home).await;
    let got = fs::read_to_string(root.join("got")).unwrap();
    assert_eq!(got, format!("{CANARY}{CANARY}"));

    assert_eq!(knock(host.url(), None).await.status(), 401);
    let client = RawClient::connect_with(host.url(), TOKEN).await;
    let mut said = vec![client.ask("tools/list", "{}").await];
    for params in [
        r#"{"name":"echo","arguments":{"text":"x"}}"#,
        r#"{"name":"none"}"#,
    ] {
        said.push(client.ask("tools/call", params).await);
    }

    host.apply(&text("echo,add,mirror=echo", middleware)).await;
    for wrong in [
        text("echo", "middleware: [{auth: {token: \"secret:short\"}}]\n"),
        text(
            "echo",
            "middleware: [{arguments: {fixd: \"secret:key\"}}]\n",
        ),
        format!("{}secret:key\n", text("echo", "")),
        text("echo", "")
            .replace("required: false", "required: true")
            .replace("none:", "another:"),
    ] {
        let told = host.settle(&wrong).await;
        assert_eq!(told.kind, "error", "{told:?}");
        assert!(!told.message.contains("canary"), "{told:?}");
    }
    host.settle(text("echo,add,mirror=echo", middleware)).await;
    for command in [
        &["status", "--json"][..],
        &["backends", "--json"],
        &["tools", "--json"],
        &["events", "--json"],
        &["history", "--json"],
        &["history", "show", "2"],
        &["check", "--show"],
        &["plan", "--json"],
        &["plan", "--connect", "--json"],
    ] {
        let output = host.home().command(command).output().unwrap();
        let both = [output.stdout, output.stderr].concat();
        assert!(!both.is_empty(), "{command:?}");
        said.push(format!("{command:?} {}", String::from_utf8_lossy(&both)));
    }
    let api = host.home().api();
    for path in [
        "config", "status", "backends", "tools", "clients", "events", "history", "plugins",
        "settings",
    ] {
        let answer = api.get(&format!("/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        said.push(format!("{path} {}", answer.body));
    }
    // The API over TCP takes the token, and does not say it.
    let address = host.status()["management"].as_str().unwrap().to_owned();
    let status = format!("http://{address}/manage/v1/status");
    assert_eq!(get(&status).await.status(), 401);
    let answer = http().get(&status).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // A plugin is shown the name alone.
    let shown = client.ask("tools/call", r#"{"name":"mirror"}"#).await;
    assert!(shown.contains("secret:key"), "{shown}");
    said.push(shown);
    said.push(host.log().join("\n"));
    said.push(host.said().join("\n"));
    let home = host.kill().await;
    for text in &said {
        // Whoever reads the file itself sees what stands in it.
        let canary = match text.starts_with(r#"["check""#) {
            true => CANARY,
            false => "canary-",
        };
        let at = text.find(canary).map(|at| at.saturating_sub(200));
        assert!(at.is_none(), "{}", &text[at.unwrap()..]);
    }
    fs::remove_dir_all(root.join("secrets")).unwrap();
    fs::remove_file(root.join("got")).unwrap();
    let mut found = Vec::new();
    search(home.folder(), &mut found);
    search(home.state(), &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_with_the_places_where_it_is_looked_for() {
    let backends = |name: &str| {
        format!(
            "  one: {{command: config-sync, args: [demo-server, --tools, echo], env: {{KEY: \"{name}\"}}}}\n"
        )
    };
    let mut host = Host::start(&config("mtime", &backends("plain"), "")).await;
    let client = Client::connect(host.url()).await;
    let told = host
        .settle(config("mtime", &backends("secret:api-key"), ""))
        .await;
    assert!(told.message.starts_with("failed: "), "{told:?}");
    let say = "backends.one.env.KEY: there is no secret `api-key`; put it into a file `api-key` in \
               the folder that CREDENTIALS_DIRECTORY (systemd) or CONFIG_SYNC_SECRETS names, or in \
               /run/secrets; or set it in the environment";
    assert!(told.message.contains(say), "{told:?}");
    fs::create_dir(host.folder().join("secrets")).unwrap();
    fs::write(host.folder().join("secrets/api-key"), "x").unwrap();
    // It is not the file that was wrong: nobody has to touch it.
    let event = host
        .event("it to be tried again", |event| event.kind == "changed")
        .await;
    assert!(event.message.contains("~ backends.one"), "{event:?}");
    assert_eq!(client.tools().await, ["echo"]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn whoever_asks_for_a_reload_gets_secrets_that_were_changed_and_touches_nothing_else() {
    let folder = TempDir::new().unwrap();
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    let write = |name: &str, text: &str| fs::write(secrets.join(name), text).unwrap();
    let [old, new, short] = ["the-old-token-of-all", "the-new-token-of-all", "short"];
    write("token", old);
    write("managing", "the-token-of-managers");
    write("key", "one");
    let got = folder.path().join("got");
    let key = || fs::read_to_string(&got).unwrap();
    let backends = format!(
        "  keyed: {{command: sh, args: [\"-c\", \"printf %s $KEY > {} && exec {} demo-server --name keyed\"], \
         env: {{KEY: \"secret:key\"}}}}\n{}",
        got.display(),
        binary().display(),
        demo("bare", "whoami"),
    );
    let text = config(
        "mtime",
        &backends,
        "middleware: [{auth: {token: \"secret:token\"}}]\n",
    );
    let managed = "port: 0, management: {enabled: true, port: 0, token: \"secret:managing\"}";
    let home = Home::of(folder);
    home.save(text.replacen("port: 0", managed, 1));
    let host = Host::start_at(home).await;
    assert_eq!(key(), "one");
    let outcome = || host.home().answer(&["reload"]).0["outcome"].clone();
    let lets_in = async |token| knock(host.url(), Some(token)).await.status() == 200;
    let bare = || {
        let backends = host.status()["backends"].as_array().unwrap().clone();
        let bare = backends.into_iter().find(|it| it["name"] == "bare");
        bare.unwrap()["process"].clone()
    };
    let process = bare();
    assert!(process.is_u64(), "{process}");
    assert_eq!(outcome(), "unchanged");

    // One that nobody should be let in by: the old one is as good as it was.
    write("token", short);
    assert_eq!(outcome(), "rejected");
    assert!(lets_in(old).await && !lets_in(short).await);

    write("token", new);
    write("key", "two");
    assert!(lets_in(old).await, "nobody has asked");
    assert_eq!(outcome(), "applied");
    assert!(lets_in(new).await && !lets_in(old).await);
    assert_eq!(key(), "two");
    assert_eq!(bare(), process);
    assert_eq!(outcome(), "unchanged");

    // One that is gone may be back soon: what uses it serves on, and whoever asks is told. It
    // does not hide another that was changed.
    fs::remove_file(secrets.join("key")).unwrap();
    write("token", old);
    assert_eq!(outcome(), "failed");
    let reasons = host.status()["last_reload"]["reasons"].to_string();
    assert!(reasons.contains("there is no secret `key`"), "{reasons}");
    assert!(lets_in(new).await && !lets_in(old).await);
    write("token", new);
    write("key", "two");
    assert_eq!(outcome(), "unchanged");

    let status = async |address: &str, token: &str| {
        let url = format!("http://{address}/manage/v1/status");
        let asked = http().get(url).bearer_auth(token).send().await;
        asked.map(|answer| answer.status().as_u16())
    };
    let address = || {
        host.status()["management"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = address();
    assert_eq!(status(&before, "the-token-of-managers").await.unwrap(), 200);
    write("managing", "another-token-of-managers");
    assert_eq!(outcome(), "unchanged", "of what serves");
    until("the API to take the other token", || {
        ![String::new(), before.clone()].contains(&address())
    })
    .await;
    let now = address();
    assert_eq!(status(&now, "the-token-of-managers").await.unwrap(), 401);
    assert_eq!(
        status(&now, "another-token-of-managers").await.unwrap(),
        200
    );
    assert!(status(&before, "the-token-of-managers").await.is_err());
    assert!(host.stop().await.success());
}
