//! A whole system in one of its sizes, seen from outside.

use crate::{Api, Cluster, Home, Postgres, Rabbit, Ran, Server, Store};

/// How large a system is.
#[derive(Clone, Debug)]
pub enum Size {
    /// One server on a SQLite file.
    One,
    /// An API process and two workers on PostgreSQL, with RabbitMQ between them.
    Several {
        /// The address of the database.
        database: String,
        /// The address of the broker.
        broker: String,
    },
}

impl Size {
    /// Several processes on the servers that all tests share; `None` when there are none, which the run has announced.
    #[must_use]
    pub fn several() -> Option<Self> {
        Some(Self::Several { database: Postgres::shared_url()?, broker: Rabbit::shared_url()? })
    }
}

/// A system that runs.
pub struct Deployment(System);

enum System {
    One { home: Home, server: Option<Server> },
    Several { cluster: Box<Cluster>, store: Store },
}

impl Deployment {
    /// A system of this size, each of its processes with these environment variables. It runs.
    pub async fn start(size: &Size, variables: &[(&str, &str)]) -> Self {
        match size {
            Size::One => {
                let home = Home::new("");
                let home = variables.iter().fold(home, |home, (variable, value)| home.with(variable, value));
                let server = Some(home.start().await);
                Self(System::One { home, server })
            }
            Size::Several { database, broker } => {
                let store = Store::postgres_at(database.clone());
                let cluster = Cluster::new(&store, Some(broker), "");
                let with = |cluster: Cluster, (variable, value): &(&str, &str)| cluster.with(variable, value);
                let mut cluster = Box::new(variables.iter().fold(cluster, with));
                cluster.start().await;
                Self(System::Several { cluster, store })
            }
        }
    }

    /// A client of its API, with the admin key.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn api(&self) -> Api {
        match &self.0 {
            System::One { server, .. } => server.as_ref().expect("it is down").api(),
            System::Several { cluster, .. } => cluster.api(),
        }
    }

    /// Runs a command of the binary against it, where its admin key is.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Ran {
        match &self.0 {
            System::One { home, server } => home.cli(server.as_ref().expect("it is down"), arguments),
            System::Several { cluster, .. } => cluster.api_home().cli(cluster.api_server(), arguments),
        }
    }

    /// The processes that make deliveries.
    ///
    /// # Panics
    /// While one of them is down.
    #[must_use]
    pub fn workers(&self) -> Vec<&Server> {
        match &self.0 {
            System::One { server, .. } => vec![server.as_ref().expect("it is down")],
            System::Several { cluster, .. } => vec![cluster.worker(0), cluster.worker(1)],
        }
    }

    /// Ends a worker at once. Where it is the only process, another one is started in its place.
    pub async fn lose_worker(&mut self, at: usize) {
        match &mut self.0 {
            System::One { home, server } => {
                server.take().expect("it is down").kill();
                *server = Some(home.start().await);
            }
            System::Several { cluster, .. } => cluster.kill_worker(at),
        }
    }

    /// Everything that its processes have logged.
    #[must_use]
    pub fn log(&self) -> String {
        match &self.0 {
            System::One { home, .. } => home.log().text(),
            System::Several { cluster, .. } => cluster.log(),
        }
    }

    /// What its only process keeps on the disk: each file of its data directory with its bytes. Nothing where there are
    /// several processes, which keep everything in a database server.
    ///
    /// # Panics
    /// When a file cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let System::One { home, .. } = &self.0 else { return Vec::new() };
        let files = std::fs::read_dir(home.data_dir()).expect("a started server has a data directory");
        let file = |file: std::io::Result<std::fs::DirEntry>| {
            let file = file.expect("the directory is readable");
            let bytes = std::fs::read(file.path()).expect("the file is readable");
            (file.file_name().to_string_lossy().into_owned(), bytes)
        };
        files.map(file).collect()
    }

    /// The store that its processes share, where they are several.
    #[must_use]
    pub fn shared_store(&self) -> Option<&Store> {
        match &self.0 {
            System::One { .. } => None,
            System::Several { store, .. } => Some(store),
        }
    }
}

/// The same tests on a system of each size, once in a module `one` and once in a module `several`: functions
/// `async fn name(size: Size)`.
#[macro_export]
macro_rules! on_each_size {
    ($($name:ident),+ $(,)?) => {
        mod one {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::Size::One).await;
            }
        )+}

        mod several {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(size) = $crate::Size::several() else { return };
                super::$name(size).await;
            }
        )+}
    };
}
