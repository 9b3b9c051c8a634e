//! Inbox shards: the graph slice, activities, users' feeds and authors' outboxes.
