//! Remembers what happened.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use torii::TenantId;
use torii_core::events::{Event, EventError, EventHandler};

/// Remembers what happened, and in which tenant. Clones share their memory.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    events: Arc<Mutex<Vec<(TenantId, Event)>>>,
}

impl EventLog {
    /// What happened since this was last asked.
    pub fn take(&self) -> Vec<(TenantId, Event)> {
        mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl EventHandler for EventLog {
    async fn handle_event(&self, event: &Event) -> Result<(), EventError> {
        self.handle_tenant_event(&TenantId::default_tenant(), event).await
    }

    async fn handle_tenant_event(&self, tenant: &TenantId, event: &Event) -> Result<(), EventError> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push((tenant.clone(), event.clone()));
        Ok(())
    }
}
