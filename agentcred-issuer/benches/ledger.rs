//! What a ledger in PostgreSQL costs beside one in memory: mints and uses per second with one and
//! with three issuers, and what a million nonces that expired take up and cost to be rid of.
//!
//! Run with `cargo bench -p agentcred-issuer --bench ledger`; it needs PostgreSQL and starts a
//! server of its own. `AGENTCRED_BENCH_SECONDS` and `AGENTCRED_BENCH_NONCES` change how much is
//! measured. A mint and a use are what an issuer asks its ledger for each: the task or nonce, the
//! proof's id, and the change itself. Every issuer has a pool of its own, as each process has.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the result is read on the screen"
)]

#[path = "../tests/replicas/cluster.rs"]
#[expect(dead_code, reason = "the ledger's own tests use all of it")]
mod cluster;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentcred_issuer::config::LedgerConfig;
use agentcred_issuer::ledger::{
    Freshness, Ledger, MemoryLedger, NewNonce, OneTimeId, PostgresLedger, Spending, migrate,
};
use agentcred_issuer::secrets::{LocalSecrets, SecretStore};
use agentcred_issuer::{Call, Config, Task};
use agentcred_protocol::arguments::ArgumentsHash;
use agentcred_protocol::clock::{Clock as _, SystemClock, UnixTime};
use agentcred_protocol::key::SigningKey;
use agentcred_protocol::token::{GrantToken, NonceToken};
use aws_lc_rs::rand::SystemRandom;
use cluster::Cluster;
use serde_json::json;
use tokio::sync::Barrier;

/// Agents that work at once, each with a task of its own.
const WORKERS: usize = 24;

/// Of each agent: a ledger in memory has room for the ids of half a million calls.
const MOST_CALLS: u32 = 20_000;

#[tokio::main]
async fn main() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let memory: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(&SystemRandom::new()).unwrap());
    let shared = shared(&cluster, folder.path()).await;

    println!("{WORKERS} tasks at once, each mint followed by its use; calls are mint and use\n");
    let memory = rate(&[memory]).await;
    report("in memory, one issuer", memory, memory);
    report("PostgreSQL, one issuer", rate(&shared[..1]).await, memory);
    report("PostgreSQL, three issuers", rate(&shared).await, memory);
    let expired = Expired::added(&cluster);
    report("three, with all below", rate(&shared).await, memory);
    expired.report(&cluster);
}

fn report(what: &str, rate: f64, memory: f64) {
    println!("{what:<26} {rate:>9.0} calls/s   {:>6.1} % of memory", 100.0 * rate / memory);
}

async fn shared(cluster: &Cluster, folder: &Path) -> Vec<Arc<dyn Ledger>> {
    cluster.create("ledger");
    for (name, text) in [("db.password", cluster::PASSWORD), ("ledger.key", &"k".repeat(32))] {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        cluster::done(Command::new("chmod").arg("600").arg(&file));
    }
    // Whatever else the machine does, nothing is given up.
    let ledger = format!("{}timeout = \"30s\"\n", cluster.ledger("ledger"));
    let text = format!("audit.file = \"audit.jsonl\"\n{ledger}");
    let config = Config::parse(&text, folder).unwrap();
    let LedgerConfig::Postgres(config) = config.ledger() else { panic!("it is in memory") };
    let secrets: Arc<dyn SecretStore> = Arc::new(LocalSecrets::default());
    migrate(config, &secrets).await.unwrap();
    let mut issuers: Vec<Arc<dyn Ledger>> = Vec::new();
    for _ in 0..3 {
        issuers.push(Arc::new(PostgresLedger::open(config, &secrets).await.unwrap()));
    }
    issuers
}

/// Mints, each with its use, for each second.
async fn rate(issuers: &[Arc<dyn Ledger>]) -> f64 {
    let length = Duration::from_secs(count("AGENTCRED_BENCH_SECONDS", 5));
    let start = Arc::new(Barrier::new(WORKERS));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (issuer, start) =
                (Arc::clone(&issuers[worker % issuers.len()]), Arc::clone(&start));
            tokio::spawn(async move {
                let grant = open(&*issuer, worker).await;
                // Once all have a connection and a partition.
                call(&*issuer, &grant, worker).await;
                start.wait().await;
                let begun = Instant::now();
                let mut calls = 0_u32;
                while begun.elapsed() < length && calls < MOST_CALLS {
                    call(&*issuer, &grant, worker).await;
                    calls += 1;
                }
                (calls, begun, Instant::now())
            })
        })
        .collect();
    let (mut calls, mut begun, mut ended) = (0.0, Vec::new(), Vec::new());
    for worker in workers {
        let (of_worker, first, last) = worker.await.unwrap();
        calls += f64::from(of_worker);
        begun.push(first);
        ended.push(last);
    }
    let all = ended.into_iter().max().unwrap() - begun.into_iter().min().unwrap();
    calls / all.as_secs_f64()
}

async fn open(issuer: &dyn Ledger, worker: usize) -> GrantToken {
    let grant = GrantToken::mint(&SystemRandom::new()).unwrap();
    let task = Task {
        agent: "billing".parse().unwrap(),
        task: format!("task-{worker}").parse().unwrap(),
        user: None,
        key: SigningKey::ephemeral().unwrap().thumbprint().clone(),
    };
    let now = SystemClock.now();
    issuer.open_task(&grant, task, now + Duration::from_hours(1), now).await.unwrap();
    grant
}

async fn call(issuer: &dyn Ledger, grant: &GrantToken, worker: usize) {
    let now = SystemClock.now();
    let task = issuer.task(grant, now).await.unwrap().unwrap();
    prove(issuer, now).await;
    let nonce = NonceToken::mint(&SystemRandom::new()).unwrap();
    let call = Call {
        agent: task.agent,
        task: task.task,
        user: None,
        tool: "find_customers".parse().unwrap(),
        tool_call_id: "call_1".parse().unwrap(),
        args_hash: ArgumentsHash::of(&json!({})),
        nonce_id: format!("n_{worker}").parse().unwrap(),
        service: "stripe".parse().unwrap(),
        scope: "read:customers".parse().unwrap(),
    };
    let expires = now + Duration::from_mins(5);
    let entry = NewNonce { call, uses: 1.try_into().unwrap(), expires };
    issuer.add_nonce(grant, &nonce, entry, 1000, now).await.unwrap();
    assert!(issuer.find(&nonce, now).await.unwrap().is_some());
    prove(issuer, now).await;
    assert_eq!(issuer.spend(&nonce, now).await.unwrap(), Spending::Spent);
}

/// The id of a proof that nobody came with before.
async fn prove(issuer: &dyn Ledger, now: UnixTime) {
    static IDS: AtomicU64 = AtomicU64::new(0);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&IDS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let fresh = issuer.spend_id(OneTimeId::of_hash(hash), now + Duration::from_mins(2), now).await;
    assert_eq!(fresh.unwrap(), Freshness::New);
}

/// Two partitions of nonces that expired, alike: rows of the shape of the ledger's own, made by
/// one statement for all and spent by another, as each was by one of its own.
struct Expired {
    nonces: u64,
    took: [Duration; 2],
}

impl Expired {
    fn added(cluster: &Cluster) -> Self {
        let nonces = count("AGENTCRED_BENCH_NONCES", 1_000_000);
        let took = [(DELETED, 0), (DROPPED, 300_000)].map(|(partition, since)| {
            timed(
                cluster,
                &format!(
                    "CREATE TABLE {partition} (LIKE agentcred.nonces INCLUDING ALL);
                     ALTER TABLE agentcred.nonces ATTACH PARTITION {partition}
                       FOR VALUES FROM ({since}) TO ({since} + 300000);
                     INSERT INTO agentcred.nonces
                         (nonce_hash, grant_hash, epoch, call, expires, uses_left)
                     SELECT sha256(n::text::bytea), model.grant_hash, model.epoch, model.call,
                            {since} + n % 300000, 1
                       FROM generate_series(1, {nonces}) n,
                            (SELECT * FROM agentcred.nonces LIMIT 1) model;
                     UPDATE {partition}
                        SET uses_left = 0, written_by = pg_current_xact_id();"
                ),
            )
        });
        Self { nonces, took }
    }

    fn report(&self, cluster: &Cluster) {
        let bytes = |what: &str| -> f64 {
            let size = format!("SELECT pg_{what}_size('{DELETED}')");
            cluster.sql("ledger", &size).parse().unwrap()
        };
        let per_nonce = |bytes: f64| bytes / f64::from(u32::try_from(self.nonces).unwrap());
        println!(
            "\n{} expired nonces, made and spent by two statements in {:.1?}:",
            self.nonces, self.took[0]
        );
        let (all, indexes) = (bytes("total_relation"), bytes("indexes"));
        println!(
            "  {:.0} MB, {:.0} bytes each, {:.0} of them in indexes",
            all / 1e6,
            per_nonce(all),
            per_nonce(indexes)
        );
        let vacuum = timed(cluster, &format!("VACUUM {DELETED}"));
        println!("  vacuum once all are spent        {vacuum:>10.1?}");
        let delete = timed(cluster, &format!("DELETE FROM {DELETED}"));
        let after = timed(cluster, &format!("VACUUM {DELETED}"));
        println!("  deleting the rows                {delete:>10.1?}, and a vacuum {after:.1?}");
        let drop = timed(cluster, &format!("DROP TABLE {DROPPED}"));
        let ratio = (delete + after).as_secs_f64() / drop.as_secs_f64();
        println!("  dropping the partition           {drop:>10.1?}, {ratio:.0} times as quick");
    }
}

/// How long statements take by the word of `psql`.
fn timed(cluster: &Cluster, sql: &str) -> Duration {
    let output = cluster.sql("ledger", &format!("\\timing on\n{sql}"));
    let times = output.lines().filter_map(|line| line.strip_prefix("Time: "));
    let millis = times.map(|time| time.split(' ').next().unwrap().parse::<f64>().unwrap());
    Duration::from_secs_f64(millis.sum::<f64>() / 1e3)
}

fn count(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

/// Names that the ledger does not give, so that nobody tidies them away meanwhile.
const DELETED: &str = "agentcred.nonces_to_delete";
const DROPPED: &str = "agentcred.nonces_to_drop";
