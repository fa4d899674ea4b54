//! How often a test tries, and with which numbers.

/// How often a test tries, by its variable or else by what fits into every run. It is printed.
pub(crate) fn count(variable: &str, default: usize) -> usize {
    let asked = std::env::var(variable).ok();
    let count = asked.map_or(default, |text| text.parse().unwrap());
    println!("{variable}={count}");
    count
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        // Xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators".
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from(high).unwrap() % sides
    }
}
