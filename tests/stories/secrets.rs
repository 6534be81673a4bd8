//! A secret reaches whoever it is for, and is in nothing else that comes out of the host.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::harness::{Client, Home, Host, RawClient, binary, config, get, http, knock};

/// Nothing else in the world looks like this.
const CANARY: &str = "canary-7f3a91c2-never-to-be-seen";
const TOKEN: &str = "canary-token-51d0-never-to-be-seen";

/// A backend that writes down what it was given, and others that fail with it in every place.
fn text(folder: &Path, tools: &str, rest: &str) -> String {
    let got = folder.join("got");
    let got = got.display();
    let binary = binary();
    let binary = binary.display();
    let script =
        format!("printf %s \\\"$KEY$0\\\" > {got} && exec {binary} demo-server --tools {tools}");
    let backends = format!(
        "  one: {{command: sh, args: [\"-c\", \"{script}\", \"${{secret:key}}\"], env: {{KEY: \"secret:key\"}}}}\n  \
         none: {{command: \"./none-${{secret:key}}\", required: false}}\n  \
         exits: {{command: \"false\", args: [\"secret:key\"], required: false}}\n  \
         remote: {{url: \"http://127.0.0.1:1/${{secret:key}}?k=${{secret:key}}\", \
         headers: {{Authorization: \"Bearer ${{secret:key}}\"}}, required: false}}\n"
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
    let middleware = "middleware: [{audit: {arguments: true}}, {auth: {token: \"secret:token\"}}, \
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
        let at = text.find("canary-").map(|at| at.saturating_sub(200));
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
    let say = "backends.one.env.KEY: there is no secret `api-key`; put it into a file `api-key` in \
               the folder that CREDENTIALS_DIRECTORY (systemd) or CONFIG_SYNC_SECRETS names, or in \
               /run/secrets; or set it in the environment";
    assert!(told.message.contains(say), "{told:?}");
    fs::create_dir(host.folder().join("secrets")).unwrap();
    fs::write(host.folder().join("secrets/api-key"), "x").unwrap();
    // The same bytes would count as rejected already.
    let event = host
        .apply(&config("mtime", &backends("${secret:api-key}"), ""))
        .await;
    assert!(event.message.contains("~ backends.one"), "{event:?}");
    assert_eq!(client.tools().await, ["echo"]);
    assert!(host.stop().await.success());
}
