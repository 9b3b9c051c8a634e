//! Forgetting a group in every partition of a stream. The writer does it, between two rounds, so that no position of the
//! group is on its way to the store meanwhile.

use std::sync::Arc;

use metrics::gauge;
use store::{Batch, Store};

use super::{group::Group, keys::POSITIONS, partition::Partition};
use crate::{Error, Result, metric};

pub(super) fn forget(store: &dyn Store, partitions: &[Arc<Partition>], name: &str) -> Result<()> {
    let mut retired = Retired(Vec::new());
    for partition in partitions {
        let Some(group) = partition.groups.lock().get(name).cloned() else { continue };
        if !group.retire() {
            return Err(Error::Busy {
                stream: partition.spec.read().name.to_string(),
                partition: partition.place.partition,
                group: name.to_owned(),
            });
        }
        retired.0.push(group);
    }
    if retired.0.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new();
    retired.0.iter().for_each(|group| batch.delete(POSITIONS, &group.key));
    store.write(&batch).map_err(|error| Error::from_store(&error))?;
    for partition in partitions {
        partition.groups.lock().remove(name);
    }
    // From here on they stay retired, for whoever still holds one.
    retired.0.clear();
    if let Some(partition) = partitions.first() {
        let stream = partition.spec.read().name.to_string();
        gauge!(metric::LAG, "stream" => stream, "group" => name.to_owned()).set(0.0);
    }
    Ok(())
}

/// Groups that are revived unless they are taken out.
struct Retired(Vec<Arc<Group>>);

impl Drop for Retired {
    fn drop(&mut self) {
        self.0.iter().for_each(|group| group.revive());
    }
}
