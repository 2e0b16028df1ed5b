//! The raw limit of a latency: a bare row that goes from one connection to another, by `NOTIFY`.

use std::time::{Duration, Instant};

use sqlx::{
    Connection, Row,
    postgres::{PgConnectOptions, PgConnection, PgListener},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// One connection stores a row and tells of it in the same commit. Somebody else hears it, reads the row, and takes it
/// in a commit that does not wait for the disk: the journeys that an event makes, and nothing that is done on them.
pub(super) struct Carried {
    sender: PgConnection,
    taken: mpsc::UnboundedReceiver<Instant>,
    receiver: JoinHandle<anyhow::Result<()>>,
}

impl Carried {
    pub(super) async fn start(url: &str, schema: &str) -> anyhow::Result<Self> {
        let options = url.parse::<PgConnectOptions>()?.options([("search_path", schema)]);
        let mut sender = PgConnection::connect_with(&options).await?;
        sqlx::query("CREATE TABLE carried (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload json NOT NULL)")
            .execute(&mut sender)
            .await?;
        let mut listener = PgListener::connect(url).await?;
        listener.listen(schema).await?;
        let connection = PgConnection::connect_with(&options).await?;
        let (told, taken) = mpsc::unbounded_channel();
        Ok(Self { sender, taken, receiver: tokio::spawn(receive(listener, connection, told)) })
    }

    /// Ten rows a second for ten seconds; how long each took, in milliseconds.
    pub(super) async fn at_ten_a_second(&mut self) -> anyhow::Result<Vec<f64>> {
        let mut started = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..100 {
            tick.tick().await;
            started.push(Instant::now());
            sqlx::query(
                "INSERT INTO carried (payload) SELECT $1::text::json WHERE pg_notify(current_schema(), '') IS NOT NULL",
            )
            .bind(r#"{"email":"alice@example.com","importer_name":"Customers","row_count":1250}"#)
            .execute(&mut self.sender)
            .await?;
        }
        let mut millis = Vec::new();
        for started in started {
            let Some(taken) = self.taken.recv().await else { anyhow::bail!("the receiver has ended") };
            millis.push(taken.duration_since(started).as_secs_f64() * 1e3);
        }
        Ok(millis)
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.receiver.abort();
        Ok(self.sender.close().await?)
    }
}

async fn receive(
    mut listener: PgListener,
    mut connection: PgConnection,
    told: mpsc::UnboundedSender<Instant>,
) -> anyhow::Result<()> {
    loop {
        listener.recv().await?;
        let rows =
            sqlx::query("SELECT id, payload::text FROM carried ORDER BY id LIMIT 500").fetch_all(&mut connection);
        for row in rows.await? {
            sqlx::query(
                "DELETE FROM carried WHERE id = $1 AND set_config('synchronous_commit', 'off', true) IS NOT NULL",
            )
            .bind(row.try_get::<i64, _>("id")?)
            .execute(&mut connection)
            .await?;
            told.send(Instant::now())?;
        }
    }
}
