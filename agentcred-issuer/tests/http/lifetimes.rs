//! How long a nonce lives: to the millisecond, over a grid of lives and moments.

use std::time::Duration;

use crate::agent::{READ, Wish};
use crate::count;
use crate::stage::Stage;

/// What the policy of the stage grants at most, in seconds.
const LONGEST: u64 = 300;
const PATH: &str = "/egress/stripe/v1/customers";

#[tokio::test]
async fn a_nonce_is_good_before_its_expiry_and_never_from_it_on() {
    let stage = Stage::set().await;
    let points = count("AGENTCRED_LIFETIMES", 400);
    let (mut good, mut dead) = (0, 0);
    for (asked, age) in grid().take(points) {
        // A grant of its own for each, since the grid goes on for longer than one lives.
        let nonce = stage.agent.mint(Wish { ttl: asked, ..READ }).await;
        stage.clock.advance(age);
        let is_good = stage.agent.get(&nonce, PATH).await.status() == 200;
        let life = Duration::from_secs(asked.min(LONGEST));
        assert_eq!(is_good, age < life, "{asked} s asked for, used after {age:?}");
        if is_good {
            good += 1;
        } else {
            dead += 1;
        }
    }
    assert!(good > 0 && dead > 0, "{good} good, {dead} dead: the grid tests one side only");
    assert_eq!(stage.upstream.arrived().len(), good);
    println!("{} moments: {good} before the expiry, {dead} at it or after", good + dead);
}

/// A life in seconds and the age at which the nonce is used. The moments next to the expiry
/// come first for every life, then those spread over the life and after it.
fn grid() -> impl Iterator<Item = (u64, Duration)> {
    // Longer ones than granted are shortened; 47 lies well among the others.
    let lives = || (1..=LONGEST + 60).step_by(47).chain([1, 2, 59, 60, LONGEST, 3600]);
    let edges = [-1000, -2, -1, 0, 1, 2, 1000];
    let near = lives().flat_map(move |asked| {
        let life = i64::try_from(asked.min(LONGEST) * 1000).unwrap();
        edges.into_iter().map(move |edge| (asked, millis(life + edge)))
    });
    let spread = (0..).flat_map(move |round: u64| {
        lives().map(move |asked| {
            // A step that shares no factor with what it wraps at, so that none comes twice soon.
            let span = asked.min(LONGEST) * 1500;
            (asked, Duration::from_millis((round * 7_919 + asked * 31) % span))
        })
    });
    near.chain(spread)
}

fn millis(signed: i64) -> Duration {
    Duration::from_millis(u64::try_from(signed).unwrap_or(0))
}
