//! Two nodes of one name.

use super::world::{World, server};
use crate::support::alone;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_node_of_a_name_does_not_start_and_says_why() {
    let _alone = alone().await;
    let Some(server) = server("a_second_node_of_a_name_does_not_start_and_says_why").await else { return };
    let world = World::new(server.url(), &[], None).await;
    for (name, role) in [("distributor-1", "distributor"), ("inbox-2", "inbox")] {
        let refused = format!("{:#}", world.fleet.second(name, role).await.unwrap());
        let sentence = format!(
            "another {role} node is alive under the name `{name}`: give each node a name of its own (`--name`)"
        );
        assert!(refused.contains(&sentence), "{refused}");
    }
    world.arrives().await;
    world.fleet.shutdown().await.unwrap();
}
