//! Slow, silent and greedy connections: each ends in time, and good callers are answered meanwhile.

#![allow(clippy::print_stdout, reason = "a test says what it counted")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::agent::READ;
use crate::stage::Stage;
use crate::upstream::{Upstream, json};

/// What a slow connection does until it is closed.
#[derive(Clone, Copy, Debug)]
enum Slow {
    Silent,
    HalfAHead,
    HeadByteByByte,
    NoBody,
    IdleAfterAnAnswer,
}

const KINDS: [Slow; 5] =
    [Slow::Silent, Slow::HalfAHead, Slow::HeadByteByByte, Slow::NoBody, Slow::IdleAfterAnAnswer];

/// The time that each of them is given, at most, in the stage below.
const TIME: Duration = Duration::from_secs(1);

async fn stage(places: usize, per_peer: usize) -> Stage {
    let upstream = Upstream::answering(json("{}")).await;
    let mut stage = Stage::with(upstream, |parts| {
        let limits = &mut parts.limits;
        (limits.connections, limits.connections_per_peer) = (places, per_peer);
        (limits.head_time, limits.request_time, limits.idle_time) = (TIME, TIME, TIME);
    })
    .await;
    // Every request on a connection of its own, which needs a place as the slow ones do.
    stage.agent.http =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    stage
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// How long the server leaves a slow connection open.
async fn lasts(kind: Slow, mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    let before: &[u8] = match kind {
        Slow::Silent | Slow::HeadByteByByte => b"",
        Slow::HalfAHead => b"POST /token HTTP/1.1\r\nhost: vault\r\n",
        Slow::NoBody => b"POST /token HTTP/1.1\r\nhost: vault\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\n",
        Slow::IdleAfterAnAnswer => b"GET / HTTP/1.1\r\nhost: vault\r\n\r\n",
    };
    // That it is closed already is what is waited for.
    let _ = stream.write_all(before).await;
    let (mut reading, mut writing) = stream.split();
    let closed = async {
        let mut answer = [0; 1024];
        while reading.read(&mut answer).await.is_ok_and(|read| read > 0) {}
    };
    let trickle = async {
        if !matches!(kind, Slow::HeadByteByByte) {
            std::future::pending::<()>().await;
        }
        let mut pause = tokio::time::interval(TIME / 10);
        loop {
            pause.tick().await;
            let _ = writing.write_all(b"G").await;
        }
    };
    tokio::select! { () = closed => {}, () = trickle => {} }
    began.elapsed()
}

/// Mints and uses nonces until it is told that it is enough, and says how long each pair took.
async fn good_traffic(stage: Arc<Stage>, enough: watch::Receiver<bool>) -> Vec<Duration> {
    let grant = stage.agent.grant().await;
    let mut times = Vec::new();
    while !*enough.borrow() {
        let began = Instant::now();
        let nonce = stage.agent.try_mint(&grant, READ).await.unwrap().token;
        let answer = stage.agent.get(&nonce, "/egress/stripe/v1/customers").await;
        assert_eq!(answer.status(), 200);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_are_closed_in_time_and_good_ones_answered_meanwhile() {
    let count =
        std::env::var("AGENTCRED_SLOW_CONNECTIONS").map_or(400, |text| text.parse().unwrap());
    allow_open_files(2 * count as u64 + 1000);
    // Fewer places than connections: silence must not keep anybody out.
    let stage = Arc::new(stage(count * 3 / 5, count).await);
    let (enough, more) = watch::channel(false);
    let good = tokio::spawn(good_traffic(Arc::clone(&stage), more));
    let mut slow = JoinSet::new();
    for number in 0..count {
        let kind = KINDS[number % KINDS.len()];
        let stream = connect(Ipv4Addr::LOCALHOST, stage.server.address()).await;
        slow.spawn(async move { (kind, lasts(kind, stream).await) });
    }
    let mut longest = Duration::ZERO;
    let (mut closed, limit) = (0, TIME + Duration::from_secs(9));
    while let Some(lasted) = slow.join_next().await {
        let (kind, lasted) = lasted.unwrap();
        assert!(lasted < limit, "{kind:?} lasted {lasted:?}");
        longest = longest.max(lasted);
        closed += 1;
    }
    enough.send_replace(true);
    let times = good.await.unwrap();
    assert_eq!(closed, count);
    assert!(times.len() >= 10, "only {} good calls were made", times.len());
    let at = |share: usize| times[times.len() * share / 100];
    assert!(at(99) < limit, "99 of 100 calls took up to {:?}", at(99));
    println!(
        "{count} slow connections, all closed, the last after {longest:.1?}; meanwhile {} good calls, median {:.1?}, 99 of 100 within {:.1?}",
        times.len(),
        at(50),
        at(99)
    );
}

#[tokio::test]
async fn a_peer_that_takes_all_it_can_leaves_room_for_others() {
    let stage = stage(100, 5).await;
    let greedy = Ipv4Addr::new(127, 0, 0, 2);
    let mut mine = Vec::new();
    for _ in 0..20 {
        mine.push(connect(greedy, stage.server.address()).await);
    }
    assert_eq!(
        stage
            .agent
            .get(&stage.agent.mint(READ).await, "/egress/stripe/v1/customers")
            .await
            .status(),
        200
    );
    let mut made_way = 0;
    for mut stream in mine.drain(..15) {
        made_way += usize::from(stream.read(&mut [0]).await.is_ok_and(|read| read == 0));
    }
    assert_eq!(made_way, 15);
    // The control: the last five are still there to be answered.
    for mut stream in mine {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: vault\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
    }
}

/// Both ends of every connection are this process's.
fn allow_open_files(most: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(limit.maximum.map_or(most, |maximum| most.min(maximum)));
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}
