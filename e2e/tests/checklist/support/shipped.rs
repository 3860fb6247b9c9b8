use std::fs;
use std::path::{Path, PathBuf};

/// A file of the source tree.
pub(crate) fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// Each setting of each configuration of nats-server that is shipped: the file, the name and the
/// value. One that opens a block has the value `{`.
pub(crate) fn settings() -> Vec<(String, String, String)> {
    let mut settings = Vec::new();
    let mut folders = vec![shipped("nats-conf")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "generated" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "conf") {
                let text = fs::read_to_string(&path).unwrap();
                let lines = text.lines().filter_map(|line| setting(line.split('#').next()?));
                settings
                    .extend(lines.map(|(name, value)| (path.display().to_string(), name, value)));
            }
        }
    }
    settings
}

/// `name: value`, `name = value`, `name value` or `name {`, as nats-server takes them.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, value) = line.split_at(end);
    let value = value.trim_start_matches([':', '=', ' ']).trim();
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), value.to_owned()))
}
