//! Who was refused by which server.

use std::collections::VecDeque;

use nats_proto::ServerAddr;
use nats_proto::connection::Auth;

/// Credentials remembered for each server. A provider may go on giving others for ever.
const REMEMBERED: usize = 16;

/// What servers refused since one of them let the client in, without signatures.
#[derive(Default)]
pub(super) struct Refusals(Vec<(ServerAddr, VecDeque<Auth>)>);

impl Refusals {
    /// Writes down that a server refused this. Whether it had refused the same before, as far as is
    /// remembered: the last few for each server, and of servers that are not known any more none.
    pub(super) fn add(
        &mut self,
        server: &ServerAddr,
        offered: Auth,
        is_known: impl Fn(&ServerAddr) -> bool,
    ) -> bool {
        self.0.retain(|(other, _)| other == server || is_known(other));
        let Some((_, refused)) = self.0.iter_mut().find(|(other, _)| other == server) else {
            self.0.push((server.clone(), VecDeque::from([offered])));
            return false;
        };
        if refused.contains(&offered) {
            return true;
        }
        if refused.len() == REMEMBERED {
            refused.pop_front();
        }
        refused.push_back(offered);
        false
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: usize) -> ServerAddr {
        format!("ws://n{host}").parse().unwrap()
    }

    fn auth(token: usize) -> Auth {
        Auth { token: Some(token.to_string()), ..Auth::default() }
    }

    #[test]
    fn what_is_remembered_is_bounded_by_the_servers_that_there_are() {
        let mut refusals = Refusals::default();
        for token in 0..1_000 {
            for host in 0..50 {
                let (of, last) = (server(host), (host / 2) * 2 + 1);
                // Two servers at a time, in the place of the two before.
                let known =
                    |other: &ServerAddr| *other == server(last) || *other == server(last - 1);
                assert!(!refusals.add(&of, auth(token), known));
            }
        }
        assert!(refusals.0.len() <= 2);
        assert!(refusals.0.iter().all(|(_, refused)| refused.len() <= REMEMBERED));
    }

    #[test]
    fn the_last_few_are_told_again_and_each_server_has_its_own() {
        let mut refusals = Refusals::default();
        for token in 0..=REMEMBERED {
            assert!(!refusals.add(&server(1), auth(token), |_| true));
        }
        assert!(refusals.add(&server(1), auth(1), |_| true));
        assert!(!refusals.add(&server(2), auth(1), |_| true));
        assert!(!refusals.add(&server(1), auth(0), |_| true), "the oldest is forgotten");
        refusals.clear();
        assert!(!refusals.add(&server(1), auth(1), |_| true));
    }
}
