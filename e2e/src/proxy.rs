use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::fs;
use tokio::net::TcpStream;

use crate::setup::edited;
use crate::{Error, NatsServer, Process, Stack, eventually, ports, tree};

/// How long nginx may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long what is silent stays open, as it is shipped.
const IDLE: &str = "75s";

/// An nginx on `deploy/proxy/nginx.conf` in front of a [`Stack`], on a port of its own: the page is at
/// 127.0.0.1, nats-server at `localhost`, so that one port is two sites. Or in front of a nats-server
/// alone.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    whole_frames: bool,
    process: Option<Process>,
}

/// What nginx stands in front of, and with what.
struct Front {
    /// Where its files go.
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    /// The API, as `host:port`.
    api: String,
    /// nats-server's websocket listener, as `host:port`.
    websocket: String,
}

impl Proxy {
    /// Chooses the port.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if none is free.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { port: ports::free()?, whole_frames: false, process: None })
    }

    /// Has nginx leave out what browsers name themselves, from the next start on, so that nats-server cuts
    /// no frames: by the line for it that is shipped, and switched off there.
    #[must_use]
    pub fn with_whole_frames(self) -> Self {
        Self { whole_frames: true, ..self }
    }

    /// Starts nginx with the certificate that `api tls add` has made for the stack, and waits until it
    /// listens. What is silent for longer than `idle` (in nginx's words)
    /// is closed.
    ///
    /// # Errors
    ///
    /// [`Error::Edit`] if the configuration that is shipped has changed; [`Error::Spawn`] without
    /// nginx; [`Error::Ended`] if it refuses its configuration; [`Error::Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the nginx it was starting.
    pub async fn start(&mut self, stack: &Stack, idle: &str) -> Result<(), Error> {
        let certificate = stack.api.keys().join("tls/single");
        let front = Front {
            folder: stack.api.keys().join("nginx"),
            certificate: certificate.join("server.pem"),
            key: certificate.join("server.key"),
            api: stack.api.url("").trim_start_matches("http://").to_owned(),
            websocket: stack.nats.websocket_address(),
        };
        self.launch(&front, idle).await
    }

    /// Starts nginx in front of a nats-server without an API, with a certificate for `localhost` of its
    /// own, and waits until it listens. Its files are in `folder`, the certificate as `nginx.pem`, the
    /// key as `nginx.key`.
    ///
    /// # Errors
    ///
    /// Those of [`Proxy::start`]; [`Error::Io`] if the certificate can't be made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the nginx it was starting.
    pub async fn start_before(&mut self, nats: &NatsServer, folder: &Path) -> Result<(), Error> {
        let failed = || Error::io("make nginx's certificate");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.map_err(|source| failed()(std::io::Error::other(source)))?;
        let front = Front {
            folder: folder.join("nginx"),
            certificate: folder.join("nginx.pem"),
            key: folder.join("nginx.key"),
            // Nobody asks it for anything.
            api: format!("127.0.0.1:{}", ports::free()?),
            websocket: nats.websocket_address(),
        };
        fs::write(&front.certificate, made.cert.pem()).await.map_err(failed())?;
        fs::write(&front.key, made.signing_key.serialize_pem()).await.map_err(failed())?;
        self.launch(&front, IDLE).await
    }

    async fn launch(&mut self, front: &Front, idle: &str) -> Result<(), Error> {
        let shipped = tree::root().join("deploy/proxy/nginx.conf");
        let text = fs::read_to_string(&shipped).await;
        let mut text = text.map_err(Error::io(format!("read {}", shipped.display())))?;
        let Front { folder, certificate, key, api, websocket } = front;
        fs::create_dir_all(folder).await.map_err(Error::io("make nginx's folder"))?;
        let display = |path: &Path| path.display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("\n  {kind}_temp_path {};", display(&folder.join(kind))))
            .concat();
        if self.whole_frames {
            let left_out = "proxy_set_header User-Agent \"\";";
            text = edited(&shipped, text, &[[format!("# {left_out}"), left_out.to_owned()]])?;
        }
        for [from, to] in [
            ["http {".to_owned(), format!("http {{{temporary}")],
            ["/var/log/nginx/access.log".to_owned(), display(&folder.join("access.log"))],
            ["/etc/scaling-ws/proxy/fullchain.pem".to_owned(), display(certificate)],
            ["/etc/scaling-ws/proxy/privkey.pem".to_owned(), display(key)],
            ["127.0.0.1:3000".to_owned(), api.clone()],
            ["127.0.0.1:5000;".to_owned(), format!("{websocket};")],
            ["server_name example.com".to_owned(), "server_name 127.0.0.1".to_owned()],
            ["server_name nats.example.com".to_owned(), "server_name localhost".to_owned()],
            ["listen 443 ssl".to_owned(), format!("listen 127.0.0.1:{} ssl", self.port)],
            ["listen 443 ssl".to_owned(), format!("listen 127.0.0.1:{} ssl", self.port)],
            [format!("proxy_read_timeout {IDLE}"), format!("proxy_read_timeout {idle}")],
        ] {
            text = edited(&shipped, text, &[[from, to]])?;
        }
        let conf = folder.join("nginx.conf");
        fs::write(&conf, text).await.map_err(Error::io("write nginx's configuration"))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&conf).args(["-e", "stderr"]);
        // One process, which ends with its value.
        command.args([
            "-g",
            &format!("daemon off; master_process off; pid {};", display(&folder.join("pid"))),
        ]);
        let mut process = Process::start("nginx", &mut command)?;
        eventually(READY_WITHIN, "nginx listens", async || {
            process.check()?;
            Ok(TcpStream::connect(("127.0.0.1", self.port)).await.is_ok().then_some(()))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// The port of everything.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the page is, as an origin.
    pub fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Where browsers connect to nats-server.
    pub fn websocket_url(&self) -> String {
        format!("wss://localhost:{}", self.port)
    }
}
