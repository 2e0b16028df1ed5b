//! A name server that changes its mind when a test wants it to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{RData, Record, RecordType},
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// A name server on a free port. What it says may not be kept: its answers live for no time.
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Zone {
    addresses: BTreeMap<String, Vec<IpAddr>>,
    asked: BTreeMap<String, usize>,
}

impl NameServer {
    /// Knows no name yet.
    ///
    /// # Panics
    /// When the machine has no free port.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a socket has an address");
        let zone = Arc::<Mutex<Zone>>::default();
        let serving = tokio::spawn(serve(socket, zone.clone()));
        Self { address, zone, serving }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on, a name has these addresses.
    ///
    /// # Panics
    /// When one is none.
    pub fn tell(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        lock(&self.zone).addresses.insert(name.to_owned(), addresses);
    }

    /// From now on, there is no such name.
    pub fn forget(&self, name: &str) {
        lock(&self.zone).addresses.remove(name);
    }

    /// How often it was asked for the addresses of a name.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        lock(&self.zone).asked.get(name).copied().unwrap_or(0)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut packet = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        let Ok(question) = Message::from_vec(&packet[..length]) else { continue };
        let Some(query) = question.queries.first() else { continue };
        let answer = answer(question.metadata.id, query, &mut lock(&zone));
        if let Ok(bytes) = answer.to_vec() {
            // Whoever asked may be gone.
            socket.send_to(&bytes, from).await.unwrap_or_default();
        }
    }
}

fn answer(id: u16, query: &Query, zone: &mut Zone) -> Message {
    let name = query.name().to_string().to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    *zone.asked.entry(name.to_owned()).or_default() += 1;
    let mut answer = Message::new(id, MessageType::Response, OpCode::Query);
    answer.add_query(query.clone());
    let Some(addresses) = zone.addresses.get(name) else {
        answer.metadata.response_code = ResponseCode::NXDomain;
        return answer;
    };
    for address in addresses {
        let data = match (query.query_type(), address) {
            (RecordType::A, IpAddr::V4(v4)) => RData::A((*v4).into()),
            (RecordType::AAAA, IpAddr::V6(v6)) => RData::AAAA((*v6).into()),
            _ => continue,
        };
        answer.add_answer(Record::from_rdata(query.name().clone(), 0, data));
    }
    answer
}
