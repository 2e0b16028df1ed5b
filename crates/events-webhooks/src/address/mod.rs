//! Which addresses may be called, so that nobody reaches into the network this system runs in.
//!
//! A URL is checked when it is given ([`check_url`]), its literal address again before each call, and a name's
//! addresses on each connection ([`VettingResolver`]). Nothing is looked up twice: the address that was vetted is the
//! one that is connected to, so a name that changes its mind wins nothing.

mod nameservers;
mod policy;
mod resolver;
mod url;

pub use nameservers::{NameServers, Unaskable};
pub use policy::{AddressPolicy, Refused};
pub use resolver::{Lookup, NotAllowed, SystemLookup, VettingResolver};
pub use url::{InvalidUrl, MAX_URL_BYTES, check_url, literal_address};
