use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Api, Error, Machine, MachineRoom, NatsServer, Setup, tree};

/// How many nodes `nats-conf/cluster` has.
const SHIPPED: u8 = 3;

/// The nodes of `nats-conf/cluster`, with fresh keys and certificates, on a machine each.
#[derive(Debug)]
pub struct SpreadCluster {
    /// The machines of the nodes n1, n2 and n3.
    pub machines: Vec<Machine>,
    keys: PathBuf,
    // Last, so that the folder is removed after the processes that write there.
    _folder: TempDir,
}

impl SpreadCluster {
    /// Makes keys, certificates and machines, starts the nodes and waits until they are healthy.
    ///
    /// # Errors
    ///
    /// Those of [`Api::init`] and [`MachineRoom::machine`]; [`Error::Preparation`] if `api nodes add`
    /// fails; [`Error::Ended`] or [`Error::Timeout`] if a node does not run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start(room: &MachineRoom) -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;
        // One that never runs: the keys are the same for one node and for three.
        let single = NatsServer::new(conf.join("single.conf"))?;
        let api = Api::init(folder.path(), &single, &[], &Setup::new()).await?;
        let keys = api.keys().clone();

        let mut machines = Vec::new();
        for number in 1..=SHIPPED {
            machines.push(room.machine(number).await?);
        }
        let named = (1..).zip(&machines).map(|(n, machine)| format!("n{n}={}", machine.address()));
        let named: Vec<String> = named.collect();
        let dir = keys.display().to_string();
        let arguments = named.iter().map(String::as_str);
        let arguments = ["nodes", "add"].into_iter().chain(arguments).chain(["--dir", &dir]);
        let ran = api.run(&arguments.collect::<Vec<_>>()).await?;
        if !ran.status.success() {
            return Err(Error::Preparation { what: "`api nodes add`", status: ran.status });
        }
        for (number, machine) in (1..).zip(&mut machines) {
            machine.launch(conf.join(format!("cluster/n{number}.conf")))?;
        }
        // Each is when it has found the others.
        for machine in &mut machines {
            machine.healthy().await?;
        }
        Ok(Self { machines, keys, _folder: folder })
    }

    /// The folder of the keys that are made for it.
    pub fn keys(&self) -> &Path {
        &self.keys
    }
}
