//! The routing table in force: the routes that the process was started with, and those that lie in the store.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::{
    catalog::Catalog,
    ports::{RoutesVersion, StoreError, StoredRoutes},
    routing::{Route, RoutingTable},
};

/// Builds the table anew when the stored routes have changed.
pub(crate) struct Routes {
    catalog: Arc<Catalog>,
    /// Those that the process was started with.
    fixed: Vec<Route>,
    stored: Option<Arc<dyn StoredRoutes>>,
    current: RwLock<Current>,
    /// Held while the table is built, so that it is built once, and an older look never replaces a newer one.
    building: Mutex<()>,
}

struct Current {
    /// Of the stored routes in the table; `None` before the first look.
    version: Option<RoutesVersion>,
    table: Arc<RoutingTable>,
}

impl Routes {
    pub(super) fn new(catalog: Arc<Catalog>, fixed: Vec<Route>, stored: Option<Arc<dyn StoredRoutes>>) -> Self {
        let table = Arc::new(RoutingTable::new(catalog.clone(), fixed.clone()));
        Self {
            catalog,
            fixed,
            stored,
            current: RwLock::new(Current { version: None, table }),
            building: Mutex::default(),
        }
    }

    /// Whether the store has a say in it.
    pub(super) fn are_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// The table of this version, or of a later one.
    pub(super) async fn at(&self, version: RoutesVersion) -> Result<Arc<RoutingTable>, StoreError> {
        let Some(stored) = &self.stored else { return Ok(self.current().1) };
        let is_wanted = |(current, _): &(Option<RoutesVersion>, _)| *current == Some(version);
        if let Some((_, table)) = Some(self.current()).filter(is_wanted) {
            return Ok(table);
        }
        let _building = self.building.lock().await;
        if let Some((_, table)) = Some(self.current()).filter(is_wanted) {
            return Ok(table); // somebody else has built it meanwhile
        }
        let (version, routes) = stored.stored_routes().await?;
        tracing::debug!(%version, routes = routes.len(), "Stored routes have changed");
        let all = self.fixed.iter().cloned().chain(routes).collect();
        let table = Arc::new(RoutingTable::new(self.catalog.clone(), all));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { version: Some(version), table: table.clone() };
        Ok(table)
    }

    fn current(&self) -> (Option<RoutesVersion>, Arc<RoutingTable>) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        (current.version, current.table.clone())
    }
}
