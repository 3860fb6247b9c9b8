//! What a server says.

use alloc::boxed::Box;

use bytestring::ByteString;

use crate::info::ServerInfo;
use crate::message::Message;

/// One protocol operation from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOp {
    /// The server describes itself: first of all, and again whenever something changes.
    Info(Box<ServerInfo>),
    /// A message for the subscription `sid` (MSG or HMSG).
    Message {
        /// The subscription that it is for.
        sid: u64,
        /// The message.
        message: Message,
    },
    /// The server asks for a PONG.
    Ping,
    /// The answer to a PING.
    Pong,
    /// The answer to an operation in verbose mode, which this client does not ask for.
    Ok,
    /// Something went wrong; the text between the quotes.
    Err(ByteString),
}
