use std::fs;
use std::path::{Path, PathBuf};

/// A file of the source tree.
pub(crate) fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// A configuration that nats-server can be started with.
pub(crate) struct Shipped {
    pub(crate) file: String,
    /// Name and value of each setting, those of included files among them. The name of one within a
    /// block begins with the block's: `websocket.listen`. One that opens a block has the value `{`.
    settings: Vec<(String, String)>,
}

impl Shipped {
    /// Each that is shipped. What `api` generates is not read.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        let mut folders = vec![shipped("nats-conf")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let apart = ["generated", "parts"].map(Into::into).contains(&entry.file_name());
                if path.is_dir() && !apart {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "conf") {
                    let mut settings = Vec::new();
                    read(&path, &mut Vec::new(), &mut settings);
                    all.push(Self { file: path.display().to_string(), settings });
                }
            }
        }
        assert!(all.len() > 1, "no configurations: are they still where they were?");
        all
    }

    /// All settings.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values that a setting is given.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.settings().filter(|setting| setting.0 == name).map(|setting| setting.1).collect()
    }
}

fn read(path: &Path, blocks: &mut Vec<String>, settings: &mut Vec<(String, String)>) {
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines().filter_map(|line| line.split('#').next()) {
        if line.trim() == "}" {
            blocks.pop();
        }
        match setting(line) {
            Some((name, value)) if name == "include" => {
                let included = path.parent().unwrap().join(value.trim_matches('"'));
                if !value.contains("generated/") {
                    read(&included, blocks, settings);
                }
            }
            Some((name, value)) => {
                blocks.push(name);
                settings.push((blocks.join("."), value.clone()));
                if value != "{" {
                    blocks.pop();
                }
            }
            None => {}
        }
    }
}

/// `name: value`, `name = value`, `name value` or `name {`, as nats-server takes them.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, value) = line.split_at(end);
    let value = value.trim_start_matches([':', '=', ' ']).trim();
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), value.to_owned()))
}
