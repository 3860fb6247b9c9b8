//! Where things are in the source tree and what has been built from it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::fs;
use tokio::sync::OnceCell;

use crate::Error;
use crate::process::run;

/// The root of the source tree.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The built page.
pub(crate) fn page() -> Result<PathBuf, Error> {
    built(root().join("dist/page")).map_err(Error::NoPage)
}

/// The built examples.
pub(crate) fn examples() -> Result<PathBuf, Error> {
    built(root().join("dist/examples")).map_err(Error::NoExamples)
}

/// The folder, or which file it lacks.
fn built(folder: PathBuf) -> Result<PathBuf, PathBuf> {
    let index = folder.join("index.html");
    if index.is_file() { Ok(folder) } else { Err(index) }
}

/// Says where the API's program is, to a test program that another one has started.
pub(crate) const API_PROGRAM: &str = "E2E_API_PROGRAM";

/// The API's program, built on first use beside the test that is running.
pub(crate) async fn api_program() -> Result<&'static Path, Error> {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || {
        if let Some(program) = env::var_os(API_PROGRAM) {
            return Ok(program.into());
        }
        let target = target_dir()?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = builder(cargo);
        build.args(["build", "--quiet", "--package", "api", "--target-dir"]).arg(&target);
        run("cargo", "building the API", build.current_dir(root())).await?;
        Ok(target.join("debug/api"))
    };
    PROGRAM.get_or_try_init(build).await.map(PathBuf::as_path)
}

/// A command that may build something by cargo.
fn builder(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // What cargo tells the test about its package, ring's build script would take for a change.
    let package = |name: &OsString| name.as_encoded_bytes().starts_with(b"CARGO_PKG_");
    for name in env::vars_os().map(|(name, _)| name).filter(package) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    command
}

/// A command of the source tree's root that builds what it needs where the tests have been built.
pub(crate) fn script(program: impl AsRef<OsStr>) -> Result<Command, Error> {
    let mut command = builder(program);
    command.env("CARGO_TARGET_DIR", target_dir()?).current_dir(root());
    Ok(command)
}

/// The page of `e2e/pages/session`, and the client for JavaScript beside it, built on first use.
pub(crate) async fn session_page() -> Result<&'static Path, Error> {
    static PAGE: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || built_page("session", "web-wasm-js", "client").await;
    PAGE.get_or_try_init(build).await.map(PathBuf::as_path)
}

/// The page of `e2e/pages/chaos`, and its reader beside it, built on first use.
pub(crate) async fn chaos_page() -> Result<&'static Path, Error> {
    static PAGE: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || built_page("chaos", "e2e-reader", "reader").await;
    PAGE.get_or_try_init(build).await.map(PathBuf::as_path)
}

/// The page of `e2e/pages/outbox`, and its writer beside it, built on first use.
pub(crate) async fn outbox_page() -> Result<&'static Path, Error> {
    static PAGE: OnceCell<PathBuf> = OnceCell::const_new();
    let build = async || built_page("outbox", "e2e-reader", "reader").await;
    PAGE.get_or_try_init(build).await.map(PathBuf::as_path)
}

/// A copy of a page of `e2e/pages` with the module that it loads as `<module>.js`, from `package`.
async fn built_page(page: &str, package: &str, module: &str) -> Result<PathBuf, Error> {
    let wasm = target_dir()?.join("wasm");
    let mut build = Command::new(root().join("tools/wasm-cargo"));
    build.args(["build", "--quiet", "--package", package, "--lib"]);
    run("wasm-cargo", "building the client", build.current_dir(root())).await?;
    let folder = wasm.join(format!("e2e-{page}"));
    copy(&root().join("e2e/pages").join(page), &folder, "").await?;
    let mut bind = Command::new("wasm-bindgen");
    let library = package.replace('-', "_");
    bind.arg(wasm.join(format!("wasm32-unknown-unknown/debug/{library}.wasm")));
    bind.args(["--target", "web", "--no-typescript", "--out-name", module, "--out-dir"]);
    run("wasm-bindgen", "binding the client", bind.arg(&folder)).await?;
    Ok(folder)
}

/// The target folder of the running program, which is in `<target>/<profile>/deps` or beside it.
fn target_dir() -> Result<PathBuf, Error> {
    let program = env::current_exe().map_err(Error::io("find the running program"))?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    Ok(target.map_or_else(|| root().join("target"), Path::to_owned))
}

/// Copies a folder and all in it, but for entries called `except`.
pub(crate) async fn copy(from: &Path, to: &Path, except: &str) -> Result<(), Error> {
    let failed = |path: &Path| Error::io(format!("copy {}", path.display()));
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to).await.map_err(failed(&to))?;
        let mut entries = fs::read_dir(&from).await.map_err(failed(&from))?;
        while let Some(entry) = entries.next_entry().await.map_err(failed(&from))? {
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            if entry.file_name() == except {
                continue;
            }
            if entry.file_type().await.map_err(failed(&source))?.is_dir() {
                folders.push((source, target));
            } else {
                fs::copy(&source, &target).await.map_err(failed(&source))?;
            }
        }
    }
    Ok(())
}
