//! Presence: who is on a channel.
//!
//! A tab that is on a channel says so, on a subject that only its user may publish on, and again at
//! least three times within a *ttl*; when it leaves it says that, too. Whoever reads these signals
//! keeps a [`Roster`], which forgets a tab that was not heard for a ttl. No stream is needed, and none
//! can be filled by somebody who makes up tabs: what a reader missed before it came is in a
//! [`Snapshot`] of another reader that was there.
//!
//! ```text
//! presence.room.7.UABC….Hq3f…   {"v":1,"server":"NDEF…","client":12,"data":{"name":"Ada"}}
//!          │    │ │     └ the tab
//!          │    │ └ the user's public key, by which nats-server holds everybody to their own subjects
//!          └────┴ the channel room:7
//! ```
//!
//! `server` and `client` name the connection that the signal came over. A reader that the servers tell
//! of ended connections can so say of a tab that crashed that it is [gone](Signal::Gone); and a tab
//! that went on over another connection is not taken for gone by what is said late of the first.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Channel`], [`Address`] | subjects, made and read |
//! | [`Signal`] | what tabs say |
//! | [`Roster`] | who is there: signals and time in, [`Event`]s out; folds the tabs of each user |
//! | [`Snapshot`] | a roster as a document |
//! | [`next_signal`] | when a tab is to say again that it is there |

mod channel;
mod roster;
mod signal;
mod snapshot;

pub use self::channel::{Address, Channel, ChannelError, PREFIX, TabError, is_tab, is_user};
pub use self::roster::{Event, Limits, Member, Refused, Roster, SnapshotOverrun};
pub use self::signal::{ConnectionId, MAX_DATA_BYTES, MAX_SIGNAL_BYTES, Signal, SignalError};
pub use self::snapshot::{Snapshot, SnapshotError, SnapshotMember, SnapshotTab};

use core::time::Duration;

/// How long a tab counts as present that is not heard, unless something else is agreed on.
///
/// A hidden page's timers may fire only once a minute, and it must not leave for that.
pub const DEFAULT_TTL: Duration = Duration::from_secs(90);

/// How long after one signal the next is due, for a tab that is to count as present: a third of the
/// ttl, by chance up to a fifth shorter, so that those who came together do not go on in step. Every
/// `chance` is as good as another.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::presence::next_signal;
///
/// assert_eq!(next_signal(Duration::from_secs(30), 0), Duration::from_secs(10));
/// assert!(next_signal(Duration::from_secs(30), 255) > Duration::from_secs(8));
/// ```
pub fn next_signal(ttl: Duration, chance: u8) -> Duration {
    let third = ttl / 3;
    third - third / 5 * u32::from(chance) / 256
}
