//! Servers that route for each other, and the account of what they did.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::client_op::{ClientFault, ClientInfo, ClientOp, Publication};
use super::expulsion::Expulsion;
use super::jetstream::JetStream;
use super::link::{Link, LinkId, ServerOutput, Subscribed};
use super::script::{Script, ScriptedServer, ServerId};
use crate::connection::TransportClosed;
use crate::subject::Subject;

/// A message that a server took from a client.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Whose it was.
    pub link: LinkId,
    /// The message.
    pub publication: Publication,
    /// How many subscriptions got a copy; a stream, or whoever else in JetStream, is one more.
    pub receivers: usize,
}

/// A copy of a message that was written to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose connection.
    pub link: LinkId,
    /// The subscription.
    pub sid: u64,
    /// Which message, as an index into [`World::taken`].
    pub taken: usize,
    /// Where it ends, counted in bytes from the start of all that was written to that connection.
    pub end: u64,
}

/// Scripted servers, the clients that are connected to them, and what passed between.
#[derive(Debug)]
pub struct World {
    pub(super) servers: Vec<ScriptedServer>,
    pub(super) links: BTreeMap<LinkId, Link>,
    /// The links that may have output.
    pub(super) active: BTreeSet<LinkId>,
    last_link: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) taken: Vec<Taken>,
    pub(super) deliveries: Vec<Delivery>,
    faults: Vec<(LinkId, ClientFault)>,
    pub(super) jetstream: JetStream,
}

impl World {
    /// A world without servers. `seed` drives what is random in it: the choice within queue
    /// groups and the sizes of [`Framing::Random`](super::Framing::Random).
    pub fn new(seed: u64) -> Self {
        Self {
            servers: Vec::new(),
            links: BTreeMap::new(),
            active: BTreeSet::new(),
            last_link: 0,
            rng: fastrand::Rng::with_seed(seed),
            taken: Vec::new(),
            deliveries: Vec::new(),
            faults: Vec::new(),
            jetstream: JetStream::new(seed),
        }
    }

    /// Adds a server to the cluster.
    pub fn add(&mut self, name: impl Into<String>, script: Script) -> ServerId {
        self.servers.push(ScriptedServer::new(name.into(), script));
        ServerId(self.servers.len() - 1)
    }

    /// One of the servers.
    pub fn server(&self, server: ServerId) -> &ScriptedServer {
        &self.servers[server.0]
    }

    /// Changes how a server behaves from now on. What that changes in its INFO it says to every
    /// client; what waited for the change is done at once.
    pub fn change(&mut self, server: ServerId, change: impl FnOnce(&mut Script)) {
        let before = self.servers[server.0].info(0, false);
        change(&mut self.servers[server.0].script);
        if self.servers[server.0].info(0, false) != before {
            self.say_info(server);
        }
        for link in self.links(server) {
            self.read(link);
        }
    }

    /// A client's websocket opens.
    ///
    /// # Errors
    /// [`TransportClosed`] as the client sees it when the server refuses connections.
    pub fn accept(&mut self, server: ServerId) -> Result<LinkId, TransportClosed> {
        let script = &self.servers[server.0].script;
        if script.refuses || script.lame_duck {
            return Err(TransportClosed { code: 1006, reason: "connection refused".into() });
        }
        self.last_link += 1;
        let id = LinkId(self.last_link);
        let mut link = Link::new(server);
        link.silent = !script.says_info;
        link.write(self.servers[server.0].info(id.0, true));
        self.links.insert(id, link);
        self.active.insert(id);
        Ok(id)
    }

    /// Bytes from a client arrive. Nothing happens on a connection that is over.
    pub fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        if let Some(link) = self.link_mut(link) {
            link.unread.extend_from_slice(bytes);
        }
        self.read(link);
    }

    /// How many bytes a client has sent that its server has not read.
    pub fn unread(&self, link: LinkId) -> usize {
        self.links.get(&link).map_or(0, |link| link.unread.len())
    }

    /// The client is gone: its subscriptions end.
    pub fn closed(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// What a server sends next on a connection, or `None` until something else happens.
    pub fn poll_output(&mut self, id: LinkId) -> Option<ServerOutput> {
        let link = self.links.get_mut(&id)?;
        let script = &self.servers[link.server.0].script;
        if !script.writes {
            return None;
        }
        let output = link.poll_output(script.framing, &mut self.rng)?;
        if let ServerOutput::Closed(_) = output {
            self.links.remove(&id);
        }
        Some(output)
    }

    /// What any server sends next on any connection, or `None` until something else happens.
    pub fn poll_any_output(&mut self) -> Option<(LinkId, ServerOutput)> {
        while let Some(&id) = self.active.first() {
            if let Some(output) = self.poll_output(id) {
                return Some((id, output));
            }
            self.active.remove(&id);
        }
        None
    }

    /// The connections to a server, oldest first.
    pub fn links(&self, server: ServerId) -> Vec<LinkId> {
        let links = self.links.iter().filter(|(_, link)| link.server == server);
        links.map(|(&id, _)| id).collect()
    }

    /// Who a server has let in on a connection.
    pub fn client(&self, link: LinkId) -> Option<&ClientInfo> {
        self.links.get(&link)?.client.as_ref()
    }

    /// The subscriptions of a connection: id and subject, in order of the ids.
    pub fn subscriptions(&self, link: LinkId) -> impl Iterator<Item = (u64, &Subject)> {
        let link = self.links.get(&link).into_iter();
        link.flat_map(|link| &link.subscriptions).map(|(&sid, known)| (sid, &known.subject))
    }

    /// Every message that was taken, in the order in which that happened.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Every copy of a message that was written to a client, in order.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// What clients said that no client should.
    pub fn faults(&self) -> &[(LinkId, ClientFault)] {
        &self.faults
    }

    /// Ends a connection as a server does, for a reason of its own.
    pub fn expel(&mut self, link: LinkId, expulsion: Expulsion) {
        if let Some(link) = self.link_mut(link) {
            link.expel(expulsion);
        }
    }

    /// Ends a connection with a closing handshake, without a word.
    pub fn close(&mut self, link: LinkId, closed: TransportClosed) {
        if let Some(link) = self.link_mut(link) {
            link.close(closed);
        }
    }

    /// Breaks a connection when so many more bytes of its output were sent, wherever in an
    /// operation that is.
    pub fn cut_after(&mut self, link: LinkId, bytes: u64) {
        if let Some(link) = self.link_mut(link) {
            link.cut_after(bytes);
        }
    }

    /// A connection becomes half-open: its server says and hears nothing more, and never ends it.
    pub fn fall_silent(&mut self, link: LinkId) {
        if let Some(link) = self.link_mut(link) {
            link.silent = true;
            link.subscriptions.clear();
        }
    }

    /// Says any bytes on a connection, between two operations. Returns where in all of its output
    /// they begin; `None` when it is over.
    pub fn say(&mut self, link: LinkId, bytes: impl Into<Bytes>) -> Option<u64> {
        let bytes = bytes.into();
        let len = bytes.len() as u64;
        self.link_mut(link)?.write(bytes).map(|end| end - len)
    }

    /// Asks a client for a PONG.
    pub fn ping(&mut self, link: LinkId) {
        self.say(link, &b"PING\r\n"[..]);
    }

    /// How many PONGs a client has said.
    pub fn pongs(&self, link: LinkId) -> u64 {
        self.links.get(&link).map_or(0, |link| link.pongs)
    }

    /// Says INFO to every client that a server has let in.
    pub fn say_info(&mut self, server: ServerId) {
        for id in self.links(server) {
            let info = self.servers[server.0].info(id.0, false);
            if let Some(link) = self.link_mut(id).filter(|link| link.client.is_some()) {
                link.write(info);
            }
        }
    }

    /// A link that is about to be written to, perhaps.
    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        let link = self.links.get_mut(&id)?;
        self.active.insert(id);
        Some(link)
    }

    /// Reads what a client has sent, if its server reads.
    fn read(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.is_open()) else { return };
        self.active.insert(id);
        let script = &self.servers[link.server.0].script;
        if !script.reads {
            return;
        }
        link.answer_pings(script.answers_pings);
        let unread = core::mem::take(&mut link.unread);
        link.decoder.set_max_payload(script.max_payload);
        link.decoder.feed(&unread);
        loop {
            let Some(link) = self.links.get_mut(&id).filter(|link| link.is_open()) else { return };
            let read = match link.decoder.next_op() {
                Ok(Some(op)) => self.heed(id, op),
                Ok(None) => return,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = read {
                self.expel(id, fault.expulsion());
                self.faults.push((id, fault));
            }
        }
    }

    fn heed(&mut self, id: LinkId, op: ClientOp) -> Result<(), ClientFault> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let server = &self.servers[link.server.0];
        match op {
            ClientOp::Connect(client) => {
                let signed = server.script.nonce.is_none() || client.is_signed();
                if !signed || !server.admits(client.credential()) {
                    link.expel(Expulsion::AuthorizationViolation);
                } else {
                    link.client = Some(*client);
                    link.write(server.info(id.0, false));
                }
            }
            ClientOp::Ping => {
                link.pings += 1;
                link.answer_pings(server.script.answers_pings);
            }
            ClientOp::Pong => link.pongs += 1,
            op if link.client.is_none() => {
                return Err(ClientFault::NotConnected { line: format!("{op:?}") });
            }
            ClientOp::Subscribe { subject, queue_group, sid } => {
                if server.denies_subscribe(&subject) {
                    let queue = queue_group
                        .map_or_else(String::new, |group| format!(" using queue \"{group}\""));
                    link.error(&format!(
                        "Permissions Violation for Subscription to \"{subject}\"{queue}"
                    ));
                } else if link.subscriptions.len() >= server.script.max_subscriptions {
                    link.error("maximum subscriptions exceeded");
                } else {
                    let subscribed = Subscribed { subject, queue_group, max: None, delivered: 0 };
                    link.subscriptions.entry(sid).or_insert(subscribed);
                }
            }
            ClientOp::Unsubscribe { sid, max } => {
                if let Some(subscribed) = link.subscriptions.get_mut(&sid) {
                    subscribed.max = max;
                    if max.is_none_or(|max| subscribed.delivered >= max) {
                        link.subscriptions.remove(&sid);
                    }
                }
            }
            ClientOp::Publish(publication) => self.publish(id, publication),
        }
        Ok(())
    }
}
