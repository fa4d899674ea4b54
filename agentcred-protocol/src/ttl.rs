//! How long a nonce lives, and how often it may be used.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::NameError;

/// The life of a nonce: 1 second to 1 hour, in whole seconds.
///
/// Written `30s`, `5m` or `1h` in policy and code, and as a number of seconds on the wire.
///
/// ```
/// use agentcred_protocol::ttl::Ttl;
/// let ttl: Ttl = "5m".parse()?;
/// assert_eq!(ttl.seconds(), 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ttl(u32);

impl Ttl {
    /// The longest life there is.
    pub const MAX: Self = Self(3600);

    /// A TTL of so many seconds.
    ///
    /// # Errors
    /// When it is 0 or more than 3600.
    pub fn from_seconds(seconds: u64) -> Result<Self, NameError> {
        match u32::try_from(seconds) {
            Ok(seconds) if (1..=Self::MAX.0).contains(&seconds) => Ok(Self(seconds)),
            _ => Err(Self::REFUSED),
        }
    }

    /// In seconds.
    pub fn seconds(self) -> u64 {
        u64::from(self.0)
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.seconds())
    }

    const REFUSED: NameError = NameError {
        word: "ttl",
        rule: "whole seconds, minutes or hours as 30s, 5m or 1h, more than 0 and at most 1h",
    };
}

impl TryFrom<Duration> for Ttl {
    type Error = NameError;
    fn try_from(duration: Duration) -> Result<Self, NameError> {
        if duration.subsec_nanos() != 0 {
            return Err(Self::REFUSED);
        }
        Self::from_seconds(duration.as_secs())
    }
}

impl FromStr for Ttl {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut digits = text.chars();
        let unit = match digits.next_back() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            _ => return Err(Self::REFUSED),
        };
        let digits = digits.as_str();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Self::REFUSED);
        }
        let count: u64 = digits.parse().map_err(|_| Self::REFUSED)?;
        Self::from_seconds(count.checked_mul(unit).ok_or(Self::REFUSED)?)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl TryFrom<String> for Ttl {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Ttl> for String {
    fn from(ttl: Ttl) -> String {
        ttl.to_string()
    }
}

/// How many upstream requests one nonce allows: 1 to 1000. It counts requests, not tool calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Uses(NonZeroU32);

impl Uses {
    /// One upstream request, the default everywhere.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// The count, at least 1.
    pub fn count(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Uses {
    type Error = NameError;
    fn try_from(count: u32) -> Result<Self, NameError> {
        match NonZeroU32::new(count) {
            Some(count) if count.get() <= 1000 => Ok(Self(count)),
            _ => Err(NameError { word: "uses", rule: "a number from 1 to 1000" }),
        }
    }
}

impl From<Uses> for u32 {
    fn from(uses: Uses) -> u32 {
        uses.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_reads_back_as_written() {
        for text in ["1s", "30s", "5m", "1h", "61s"] {
            assert_eq!(text.parse::<Ttl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_ttl_is_refused() {
        for text in [
            "",
            "s",
            "0s",
            "5",
            "5 m",
            "5 minutes",
            "-5m",
            "+5m",
            "61m",
            "25h",
            "99999999999999999999h",
            "5M",
            "٥m",
            "1.5m",
        ] {
            assert!(text.parse::<Ttl>().is_err(), "{text:?}");
        }
        assert!(Ttl::try_from(Duration::from_millis(1500)).is_err());
    }

    #[test]
    fn uses_are_at_least_one() {
        assert!(Uses::try_from(0).is_err());
        assert!(Uses::try_from(1001).is_err());
        assert_eq!(Uses::try_from(7).unwrap().count(), 7);
    }
}
