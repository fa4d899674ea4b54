//! A ledger that was put back to an earlier state: what was minted before is dead, and a nonce
//! that was used since the backup was made is not used again.

use agentcred_protocol::token::NonceToken;

use crate::cluster::done;
use crate::stage::Stage;

const PATH: &str = "/egress/stripe/v1/customers/c1";

async fn redeem(stage: &Stage, issuer: usize, nonce: &NonceToken) -> Option<u16> {
    let proof = stage.agent.use_proof(nonce, PATH);
    stage.agent.redeem(stage.addresses()[issuer], nonce, PATH, proof).await
}

/// Everything goes on for a new task.
async fn all_is_well(stage: &Stage) {
    let grant = stage.agent.open(stage.addresses()[0]).await.unwrap();
    let nonce = stage.agent.mint(stage.addresses()[1], &grant, 1).await.unwrap();
    assert_eq!(redeem(stage, 0, &nonce).await, Some(200));
    assert_eq!(redeem(stage, 1, &nonce).await, Some(401));
}

fn dump(stage: &Stage, what: &[&str]) -> String {
    let output = done(stage.cluster.client("pg_dump").args(what).arg("ledger"));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn after_a_dump_is_restored_every_older_nonce_is_refused() {
    let stage = Stage::of(2).await;
    for has_fence in [true, false] {
        let grant = stage.agent.open(stage.addresses()[0]).await.unwrap();
        let used = stage.agent.mint(stage.addresses()[0], &grant, 1).await.unwrap();
        let unused = stage.agent.mint(stage.addresses()[1], &grant, 1).await.unwrap();
        let dump = dump(&stage, &[]);
        assert_eq!(redeem(&stage, 0, &used).await, Some(200));
        assert_eq!(redeem(&stage, 1, &used).await, Some(401));
        // The issuers run all the while, and keep their connections.
        stage.cluster.sql("ledger", "DROP SCHEMA agentcred CASCADE");
        stage.cluster.sql("ledger", &dump);
        if has_fence {
            for nonce in [&used, &unused] {
                assert_eq!(redeem(&stage, 0, nonce).await, Some(401));
                assert_eq!(redeem(&stage, 1, nonce).await, Some(401));
            }
            assert!(stage.agent.mint(stage.addresses()[0], &grant, 1).await.is_err());
        } else {
            stage.cluster.take_the_fence_away("ledger");
            assert_eq!(redeem(&stage, 0, &used).await, Some(200), "the dump holds no unused nonce");
        }
        all_is_well(&stage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn rows_that_were_put_back_alone_are_dead_and_others_are_not() {
    let stage = Stage::of(2).await;
    let grant = stage.agent.open(stage.addresses()[0]).await.unwrap();
    let used = stage.agent.mint(stage.addresses()[0], &grant, 1).await.unwrap();
    let rows = dump(&stage, &["--data-only", "--table", "agentcred.nonces*"]);
    assert_eq!(redeem(&stage, 0, &used).await, Some(200));
    stage.cluster.sql("ledger", "DELETE FROM agentcred.nonces");
    stage.cluster.sql("ledger", &rows);
    assert_eq!(redeem(&stage, 0, &used).await, Some(401));
    // Neither the task nor the epoch was touched.
    let nonce = stage.agent.mint(stage.addresses()[1], &grant, 1).await.unwrap();
    assert_eq!(redeem(&stage, 0, &nonce).await, Some(200));
    stage.cluster.take_the_fence_away("ledger");
    assert_eq!(redeem(&stage, 0, &used).await, Some(200), "the rows hold no unused nonce");
}

/// What is left of the fence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    Whole,
    /// What the running issuers remember of the database.
    InMemory,
    Gone,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL"]
async fn after_the_files_are_put_back_every_older_nonce_is_refused() {
    let stage = Stage::of(2).await;
    let copy = stage.cluster.files().with_file_name("copy");
    for fence in [Fence::Whole, Fence::InMemory, Fence::Gone] {
        let grant = stage.agent.open(stage.addresses()[0]).await.unwrap();
        let used = stage.agent.mint(stage.addresses()[0], &grant, 1).await.unwrap();
        let unused = stage.agent.mint(stage.addresses()[1], &grant, 1).await.unwrap();
        stage.cluster.copy_files(&copy);
        assert_eq!(redeem(&stage, 0, &used).await, Some(200));
        all_is_well(&stage).await;
        stage.cluster.put_back(&copy);
        if fence != Fence::Whole {
            stage.cluster.take_the_fence_away("ledger");
        }
        if fence == Fence::Gone {
            for replica in &stage.replicas {
                replica.kill();
                replica.start();
            }
            assert_eq!(redeem(&stage, 0, &used).await, Some(200), "the copy holds no unused nonce");
        } else {
            for nonce in [&used, &unused, &used, &unused] {
                // It may not have noticed yet that its connections ended.
                assert!(matches!(redeem(&stage, 0, nonce).await, Some(401 | 503)));
            }
            assert_eq!(redeem(&stage, 0, &used).await, Some(401));
            assert!(matches!(redeem(&stage, 1, &unused).await, Some(401 | 503)));
        }
        while stage.agent.open(stage.addresses()[1]).await.is_err() {}
        all_is_well(&stage).await;
    }
}
