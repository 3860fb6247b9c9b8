//! `docs/rotation.md`, and a shell to run it in.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::nats::Nats;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rotation.md"));

/// The shell blocks below a heading.
pub(crate) fn section(heading: &str) -> Vec<String> {
    let start = format!("\n## {heading}\n");
    assert!(PAGE.contains(&start), "docs/rotation.md has no section {heading:?}");
    let text = PAGE.split_once(&start).unwrap().1;
    let text = text.split("\n## ").next().unwrap();
    let parts = text.split("```sh\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// A shell at the place that the documentation has in mind, with `api` on its path.
pub(crate) fn shell(nats: &Nats, script: &str) -> Command {
    let api = Path::new(env!("CARGO_BIN_EXE_api")).parent().unwrap();
    let path = format!("{}:{}", api.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", script])
        .current_dir(nats.dir())
        .env("PATH", path)
        .env("API_ROLES", nats.roles_file())
        .env("API_NATS_URL", nats.url());
    command
}

pub(crate) fn run(nats: &Nats, script: &str) -> Output {
    shell(nats, script).output().unwrap()
}

/// Runs a command that succeeds, and returns what it says.
pub(crate) fn succeed(nats: &Nats, script: &str) -> String {
    let output = run(nats, script);
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that fails, and returns why it does.
pub(crate) fn fail(nats: &Nats, script: &str) -> String {
    let output = run(nats, script);
    assert_eq!(output.status.code(), Some(1), "{script}: {output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: ") && !stderr.contains("eyJ"), "{stderr}");
    stderr
}
