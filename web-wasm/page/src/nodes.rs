//! The nodes of the cluster, and the choice of one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures_util::StreamExt;
use web_sys::{Element, HtmlInputElement};
use web_wasm::{Event, ReconnectToServer, Server, ServerAddr, State};

use crate::dom::{Missing, attribute, create, element, on};
use crate::session::Session;

/// The node that the visitor wants to be connected to next. It is wished for once: when it is not
/// there, the client goes on by itself.
#[derive(Clone, Default)]
pub(crate) struct Wish(Rc<RefCell<Option<ServerAddr>>>);

impl Wish {
    /// The node for the next attempt, if one was wished for.
    pub(crate) fn take(&self) -> Option<ReconnectToServer> {
        let addr = self.0.take()?;
        Some(ReconnectToServer { addr, delay: Some(core::time::Duration::ZERO) })
    }
}

struct Picker {
    session: Rc<Session>,
    wish: Wish,
    list: Element,
    /// The names that servers gave themselves, by the address that was dialled.
    names: RefCell<HashMap<String, String>>,
    /// What is shown: address, name, whether it failed.
    shown: RefCell<Vec<(String, String, bool)>>,
}

/// Shows the nodes, those that the API named and those that servers told of, and connects to the
/// one that is chosen.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>, wish: Wish) -> Result<(), Missing> {
    let picker = Rc::new(Picker {
        session: Rc::clone(session),
        wish,
        list: element("node-list")?,
        names: RefCell::default(),
        shown: RefCell::default(),
    });
    picker.draw();
    let chosen = Rc::clone(&picker);
    on(&picker.list, "change", move |event| chosen.choose(&event));
    let mut events = session.client.events();
    wasm_bindgen_futures::spawn_local(async move {
        while let Some(event) = events.next().await {
            if let Event::Connected { server, server_name }
            | Event::HandedOver { server, server_name, .. } = event
            {
                picker.names.borrow_mut().insert(server.to_string(), server_name);
            }
            picker.draw();
        }
    });
    Ok(())
}

impl Picker {
    fn choose(&self, event: &web_sys::Event) {
        let target = event.target().and_then(|target| wasm_bindgen::JsCast::dyn_into(target).ok());
        let Some(address) = target.map(|input: HtmlInputElement| input.value()) else { return };
        let client = &self.session.client;
        let pool = client.server_pool();
        let Some(server) = pool.iter().find(|server| server.addr.to_string() == address) else {
            return;
        };
        if client.server().as_ref() == Some(&server.addr) {
            return;
        }
        self.wish.0.replace(Some(server.addr.clone()));
        if client.connection_state() == State::Connected {
            client.force_reconnect();
        } else {
            // An attempt at another node may be waiting already: it is chosen anew. This fails for
            // an empty list only.
            let addrs: Vec<String> = pool.iter().map(|server| server.addr.to_string()).collect();
            client.set_server_pool(addrs).ok();
        }
    }

    /// Brings the choices up to date; those that are the same stay, and keep the focus.
    fn draw(&self) {
        let client = &self.session.client;
        let mut nodes: Vec<_> = client.server_pool().iter().map(|node| self.label(node)).collect();
        nodes.sort();
        if *self.shown.borrow() != nodes {
            let same = |(a, _, _): &(String, _, _), (b, _, _): &(String, _, _)| a == b;
            let shown = self.shown.replace(nodes.clone());
            let keeps =
                shown.len() == nodes.len() && shown.iter().zip(&nodes).all(|(a, b)| same(a, b));
            if keeps {
                self.relabel(&nodes);
            } else {
                self.list.set_text_content(None);
                for node in &nodes {
                    // Making an element fails for an invalid name only.
                    self.add(node).ok();
                }
            }
        }
        let here = client.server().map(|server| server.to_string());
        for input in self.inputs() {
            input.set_checked(Some(input.value()) == here);
        }
    }

    fn label(&self, node: &Server) -> (String, String, bool) {
        let address = node.addr.to_string();
        let place = format!("{}:{}", node.addr.host(), node.addr.port());
        let label = match self.names.borrow().get(&address) {
            Some(name) => format!("{name} ({place})"),
            None => place,
        };
        (address, label, node.failed_attempts > 0)
    }

    fn relabel(&self, nodes: &[(String, String, bool)]) {
        for (input, (_, label, failed)) in self.inputs().zip(nodes) {
            attribute(&input, "data-failed", &failed.to_string());
            if let Some(words) = input.next_element_sibling() {
                words.set_text_content(Some(label));
            }
        }
    }

    fn add(
        &self,
        (address, label, failed): &(String, String, bool),
    ) -> Result<(), wasm_bindgen::JsValue> {
        let choice = create("label", "", "")?;
        let input = create("input", "", "")?;
        for (name, value) in [
            ("type", "radio"),
            ("name", "node"),
            ("value", address),
            ("data-failed", &failed.to_string()),
        ] {
            attribute(&input, name, value);
        }
        choice.append_child(&input)?;
        choice.append_child(&*create("span", "", label)?)?;
        self.list.append_child(&choice)?;
        Ok(())
    }

    fn inputs(&self) -> impl Iterator<Item = HtmlInputElement> {
        let inputs = self.list.query_selector_all("input").ok();
        let count = inputs.as_ref().map_or(0, web_sys::NodeList::length);
        (0..count).filter_map(move |index| {
            let input = inputs.as_ref()?.item(index)?;
            wasm_bindgen::JsCast::dyn_into(input).ok()
        })
    }
}
