//! The promise at scale: what a model, a canceller and a crowd cannot get out of the agent side.
//!
//! Each test has a count that a variable raises; the default is what fits into every run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may end where it fails, and says what it counted"
)]

mod cancellations;
mod channels;
mod crowd;
mod handle;
mod long_run;
mod probe;
mod proxy;
mod smuggling;
mod stderr;

/// How often a test tries, by its variable or else by what fits into every run. It is printed.
fn count(variable: &str, default: usize) -> usize {
    let asked = std::env::var(variable).ok();
    let count = asked.map_or(default, |text| text.parse().unwrap());
    println!("{variable}={count}");
    count
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        // Xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators".
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from(high).unwrap() % sides
    }
}
