//! A cluster: an API process and two workers on one PostgreSQL database, and perhaps a broker.

use crate::{Api, Home, Server, Store};

/// Processes of one system, each in a home of its own.
pub struct Cluster {
    api: Node,
    workers: [Node; 2],
}

/// A process that may be down.
struct Node {
    home: Home,
    role: &'static str,
    server: Option<Server>,
}

impl Cluster {
    /// Homes of an API process without configuration, and of two workers with this one. Nothing runs yet.
    ///
    /// # Panics
    /// On a store that belongs to one process.
    #[must_use]
    pub fn new(store: &Store, broker: Option<&str>, of_workers: &str) -> Self {
        assert!(matches!(store, Store::Postgres { .. }), "several processes need PostgreSQL");
        let node = |role, configuration| {
            let home = Home::on(store, configuration);
            let home = match broker {
                Some(url) => home.with("AMQP_URL", url),
                None => home,
            };
            Node { home, role, server: None }
        };
        Self { api: node("api", ""), workers: [node("worker", of_workers), node("worker", of_workers)] }
    }

    /// The same with one more environment variable of all its processes.
    #[must_use]
    pub fn with(self, variable: &str, value: &str) -> Self {
        let node = |node: Node| Node { home: node.home.with(variable, value), ..node };
        Self { api: node(self.api), workers: self.workers.map(node) }
    }

    /// Starts all of it.
    pub async fn start(&mut self) {
        // One after the other, as an operator does: the first one makes the tables.
        self.start_api().await;
        self.start_workers().await;
    }

    /// Starts both workers at the same time.
    pub async fn start_workers(&mut self) {
        let [first, second] = &mut self.workers;
        tokio::join!(first.start(), second.start());
    }

    /// A client of the API process, with its admin key.
    ///
    /// # Panics
    /// While that is down.
    #[must_use]
    pub fn api(&self) -> Api {
        self.api.server().api()
    }

    /// The home of the API process, for its command line.
    #[must_use]
    pub fn api_home(&self) -> &Home {
        &self.api.home
    }

    /// The API process.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn api_server(&self) -> &Server {
        self.api.server()
    }

    /// Starts the API process.
    pub async fn start_api(&mut self) {
        self.api.start().await;
    }

    /// Ends the API process at once.
    ///
    /// # Panics
    /// When it is down.
    pub fn kill_api(&mut self) {
        self.api.take().kill();
    }

    /// Asks the API process to stop, and waits until it has.
    ///
    /// # Panics
    /// When it is down, or fails.
    pub async fn stop_api(&mut self) {
        self.api.take().stop().await;
    }

    /// A worker's process.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn worker(&self, at: usize) -> &Server {
        self.workers[at].server()
    }

    /// Starts a worker.
    pub async fn start_worker(&mut self, at: usize) {
        self.workers[at].start().await;
    }

    /// Ends a worker at once.
    ///
    /// # Panics
    /// When it is down.
    pub fn kill_worker(&mut self, at: usize) {
        self.workers[at].take().kill();
    }

    /// Asks a worker to stop, and waits until it has.
    ///
    /// # Panics
    /// When it is down, or fails.
    pub async fn stop_worker(&mut self, at: usize) {
        self.workers[at].take().stop().await;
    }

    /// Whether a worker has logged this, since its first start.
    #[must_use]
    pub fn worker_has_logged(&self, at: usize, text: &str) -> bool {
        self.workers[at].home.log().has(text)
    }

    /// Everything that its processes have logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::iter::once(&self.api).chain(&self.workers).map(|node| node.home.log().text() + "\n").collect()
    }

    /// How many lines of all processes hold this text.
    #[must_use]
    pub fn logged(&self, text: &str) -> usize {
        let nodes = std::iter::once(&self.api).chain(&self.workers);
        nodes.map(|node| node.home.log().lines().iter().filter(|line| line.contains(text)).count()).sum()
    }
}

impl Node {
    async fn start(&mut self) {
        assert!(self.server.is_none(), "it runs");
        self.server = Some(self.home.start_as(self.role).await);
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it is down")
    }

    fn take(&mut self) -> Server {
        self.server.take().expect("it is down")
    }
}
