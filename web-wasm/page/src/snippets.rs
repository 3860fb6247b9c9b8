//! What the page does, as code to copy.

/// A language that code is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The crate `web-wasm`.
    Rust,
    /// The crate `web-wasm-js`.
    JavaScript,
    /// A terminal.
    Terminal,
}

impl Language {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Terminal];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Terminal => "Terminal",
        }
    }
}

/// Something that the page does, as its form says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Having the API publish an update.
    Call,
    /// Being let in.
    Connect,
    /// Subscribing to a pattern.
    Subscribe(String),
    /// Publishing a payload to a subject.
    Publish(String, String),
    /// Sending a payload to a subject, and waiting for the answer.
    Request(String, String),
    /// Asking whether the role allows to publish (`true`) or subscribe to a subject.
    May(bool, String),
    /// Being in the lobby under a name, and seeing who is.
    Present(String),
    /// Reading a stream from its beginning, and saying something in it.
    Say(String),
    /// Seeing a bucket's keys change, and putting a value at one.
    Put(String, String),
}

/// A text in double quotes, as Rust and JavaScript alike read it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text in single quotes, as a POSIX shell reads it.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The terminal's user: services are let in by TCP, guests only by the websocket.
const CLI: &str = "nats --creds nats-conf/generated/service.creds";

/// The code for an action, to be run against the API at `origin`.
pub fn code(action: &Action, language: Language, origin: &str) -> String {
    use Language::{JavaScript, Rust, Terminal};
    match (action, language) {
        (Action::Call, Rust) => format!(
            "// The API publishes; nats-server delivers to every tab.\n\
             let mut updates = client.subscribe(\"com.scaling-ws.updates\").await?;\n\
             reqwest::Client::new().post(\"{origin}/ping\").send().await?;\n\
             let update = updates.next().await;"
        ),
        (Action::Call, JavaScript) => "// The API publishes; nats-server delivers to every tab.\n\
             nc.subscribe(\"com.scaling-ws.updates\", {\n  callback: (_, msg) => console.log(msg.json()),\n});\n\
             await fetch(\"/ping\", { method: \"POST\" });"
            .to_owned(),
        (Action::Call, Terminal) => format!("curl -X POST {origin}/ping"),
        (Action::Connect, Rust) => "let key = Rc::new(PageKey::open(\"visitor\").await?);\n\
             let credentials = Rc::new(HttpCredentials::new(\"/v1/credentials\", key));\n\
             let grant = credentials.grant().await?;\n\
             let client = ConnectOptions::new()\n    .credentials(credentials)\n    \
             .custom_inbox_prefix(grant.inbox_prefix)\n    .connect(&grant.servers)\n    .await?;"
            .to_owned(),
        (Action::Connect, JavaScript) => "// sign(nonce) signs with your key; the API mints the JWT for it.\n\
             const grant = await (await fetch(\"/v1/credentials\", {\n  method: \"POST\",\n  \
             headers: { \"Content-Type\": \"application/json\" },\n  \
             body: JSON.stringify({ nkey }),\n})).json();\n\
             const nc = await wsconnect({\n  servers: grant.servers,\n  \
             inboxPrefix: grant.inbox_prefix,\n  \
             authenticator: async (nonce) => ({ jwt: grant.jwt, nkey, sig: await sign(nonce) }),\n});"
            .to_owned(),
        (Action::Connect, Terminal) => format!(
            "curl -X POST {origin}/v1/credentials \\\n  -H 'Content-Type: application/json' \\\n  \
             -d '{{\"nkey\":\"U…\"}}'"
        ),
        (Action::Subscribe(subject), Rust) => format!(
            "let mut messages = client.subscribe({}).await?;\n\
             while let Some(message) = messages.next().await {{\n    \
             println!(\"{{}}: {{:?}}\", message.subject, message.payload);\n}}",
            quoted(subject)
        ),
        (Action::Subscribe(subject), JavaScript) => format!(
            "nc.subscribe({}, {{\n  callback: (error, msg) => console.log(msg.subject, msg.string()),\n}});",
            quoted(subject)
        ),
        (Action::Subscribe(subject), Terminal) => format!(
            "# with a user of the account that may read it\nnats --creds USER.creds sub {}",
            shell(subject)
        ),
        (Action::Publish(subject, payload), Rust) => format!(
            "client.publish({}, {}.into()).await?;\nclient.flush().await?; // now the server has it",
            quoted(subject),
            quoted(payload)
        ),
        (Action::Publish(subject, payload), JavaScript) => format!(
            "nc.publish({}, {});\nawait nc.flush(); // now the server has it",
            quoted(subject),
            quoted(payload)
        ),
        (Action::Publish(subject, payload), Terminal) => {
            format!("{CLI} pub {} {}", shell(subject), shell(payload))
        }
        (Action::Request(subject, payload), Rust) => format!(
            "let answer = client.request({}, {}.into()).await?;\nprintln!(\"{{:?}}\", answer.payload);",
            quoted(subject),
            quoted(payload)
        ),
        (Action::Request(subject, payload), JavaScript) => format!(
            "const answer = await nc.request({}, {});\nconsole.log(answer.string());",
            quoted(subject),
            quoted(payload)
        ),
        (Action::Request(subject, payload), Terminal) => format!(
            "# with a user of the account that may publish there\n\
             nats --creds USER.creds --inbox-prefix _INBOX.U… request {} {}",
            shell(subject),
            shell(payload)
        ),
        (Action::May(publish, subject), language) => may(*publish, subject, language, origin),
        (Action::Present(name), language) => present(name, language, origin),
        (Action::Say(text), language) => stored(
            "SAID",
            ("`com.scaling-ws.said.${nkey}`", "format!(\"com.scaling-ws.said.{nkey}\")"),
            text,
            language,
        ),
        (Action::Put(name, value), language) => {
            // It is no text here, so it is only what a name may be.
            let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let name: String = name.chars().filter(is_plain).collect();
            let js = format!("`$KV.board.${{nkey}}.{name}`");
            let rust = format!("format!(\"$KV.board.{{nkey}}.{name}\")");
            stored("KV_board", (&js, &rust), value, language)
        }
    }
}

/// What a consumer delivers of a stream, and how something is added: the subject in JavaScript and in
/// Rust, and what is said.
fn stored(stream: &str, (js, rust): (&str, &str), said: &str, language: Language) -> String {
    match language {
        Language::Rust => format!(
            "// As in “Who this tab is”, with UserKey::generate() and set_role(\"demo\").\n\
             let delivery = grant.consumer(\"{stream}\").ok_or(\"nothing of it\")?;\n\
             let mut messages = client.subscribe_delivery(delivery).await?;\n\
             client.publish({rust}, {}.into()).await?;\n\
             while let Some(message) = messages.next().await {{\n    \
             let message = message?;\n    \
             println!(\"#{{}}: {{:?}}\", message.info()?.stream_sequence, message.payload);\n}}",
            quoted(said)
        ),
        Language::JavaScript => format!(
            "// As in “Who this tab is”, with a fresh key and {{ nkey, role: \"demo\" }}.\n\
             const {{ deliver_subject }} = grant.consumers.find(({{ stream }}) => stream === \"{stream}\");\n\
             nc.subscribe(deliver_subject, {{\n  \
             callback: (_, msg) => console.log(msg.reply.split(\".\").at(-4), msg.string()),\n}});\n\
             nc.publish({js}, {});",
            quoted(said)
        ),
        Language::Terminal => match stream.strip_prefix("KV_") {
            Some(bucket) => format!(
                "# with a user of the account that may read it\n\
                 nats --creds USER.creds kv watch {bucket}"
            ),
            None => format!(
                "# with a user of the account that may read it\n\
                 nats --creds USER.creds stream view {stream}"
            ),
        },
    }
}

fn present(name: &str, language: Language, origin: &str) -> String {
    match language {
        Language::Rust => format!(
            "let snapshots = Rc::new(HttpSnapshots::new(\"/v1/presence\"));\n\
             let mut lobby = client\n    .presence(\"demo:lobby\".parse()?)\n    .snapshots(snapshots)\n    \
             .join(key.public_key(), json!({{ \"name\": {} }}))\n    .await?;\n\
             while let Some(event) = lobby.next().await {{\n    \
             println!(\"{{event:?}}: {{}} are here\", lobby.members().len());\n}}",
            quoted(name)
        ),
        Language::JavaScript => format!(
            "// Say so again every 30 s, and {{ gone: true }} when the page is left.\n\
             const {{ server_id, client_id }} = nc.info;\n\
             const here = {{ v: 1, server: server_id, client: client_id, data: {{ name: {} }} }};\n\
             nc.subscribe(\"presence.demo.lobby.>\", {{\n  \
             callback: (_, msg) => console.log(msg.subject, msg.json()),\n}});\n\
             nc.publish(`presence.demo.lobby.${{nkey}}.tab1`, JSON.stringify(here));\n\
             const {{ members }} = await (await fetch(\"/v1/presence/demo:lobby\")).json();",
            quoted(name)
        ),
        Language::Terminal => format!("curl {origin}/v1/presence/demo:lobby"),
    }
}

fn may(publish: bool, subject: &str, language: Language, origin: &str) -> String {
    let action = if publish { "publish" } else { "subscribe" };
    match language {
        Language::Rust => format!(
            "let told: serde_json::Value = reqwest::Client::new()\n    \
             .get(\"{origin}/v1/permissions\")\n    \
             .query(&[(\"action\", \"{action}\"), (\"subject\", {})])\n    \
             .send().await?.json().await?;",
            quoted(subject)
        ),
        Language::JavaScript => format!(
            "const query = new URLSearchParams({{ action: \"{action}\", subject: {} }});\n\
             const told = await (await fetch(`/v1/permissions?${{query}}`)).json();",
            quoted(subject)
        ),
        Language::Terminal => format!(
            "curl -G {origin}/v1/permissions -d action={action} \\\n  --data-urlencode {}",
            shell(&format!("subject={subject}"))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_a_text() {
        let publish = Action::Publish("a.b".into(), "it's \"so\"\\\n".into());
        let rust = code(&publish, Language::Rust, "");
        assert!(rust.contains(r#"client.publish("a.b", "it's \"so\"\\\n".into())"#), "{rust}");
        let terminal = code(&publish, Language::Terminal, "");
        assert!(terminal.contains("pub 'a.b' 'it'\\''s \"so\"\\\n'"), "{terminal}");
    }

    #[test]
    fn every_action_has_code_in_every_language() {
        let (subject, payload) = (String::from("com.example"), String::from("x"));
        for action in [
            Action::Call,
            Action::Connect,
            Action::Subscribe(subject.clone()),
            Action::Publish(subject.clone(), payload.clone()),
            Action::Request(subject.clone(), payload),
            Action::May(true, subject.clone()),
            Action::Present(subject.clone()),
            Action::Say(subject.clone()),
            Action::Put("mood".into(), subject.clone()),
        ] {
            for language in Language::ALL {
                let code = code(&action, language, "http://api.example");
                let names_it = code.contains(&subject)
                    || matches!(action, Action::Call | Action::Connect)
                    || ["/v1/presence/demo:lobby", "SAID", "board"]
                        .iter()
                        .any(|it| code.contains(it));
                assert!(names_it && !code.contains("  \n"), "{action:?} {language:?}: {code}");
            }
        }
    }
}
