//! Which trace a request belongs to: the `traceparent` header of W3C Trace Context.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::names::NameError;

/// A `traceparent`: the trace that a request belongs to, and the span that made it (W3C Trace
/// Context, section 3.2).
///
/// It is read as strictly as any name: 55 characters, lower-case hexadecimal, no id of zeros.
///
/// ```
/// use agentcred_protocol::trace::TraceParent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = text.parse()?;
/// assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(parent.to_string(), text);
/// # Ok::<(), agentcred_protocol::names::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: u64,
    flags: u8,
}

/// The id of a trace: 32 lower-case hexadecimal digits, not all of them 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceParent {
    /// The header's name.
    pub const HEADER: &'static str = "traceparent";

    /// The parent of a request in `trace`, made by `span`. `None` when an id is 0, which stands
    /// for no trace.
    pub fn new(trace: u128, span: u64, is_sampled: Sampled) -> Option<Self> {
        let flags = match is_sampled {
            Sampled::Yes => 1,
            Sampled::No => 0,
        };
        (trace != 0 && span != 0).then_some(Self { trace: TraceId(trace), span, flags })
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }
}

/// Whether whoever started a trace keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// It is kept.
    Yes,
    /// It may be dropped.
    No,
}

impl FromStr for TraceParent {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::read(text).ok_or(NameError {
            word: "traceparent",
            rule: "55 characters as 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case, with ids other than 0",
        })
    }
}

impl TraceParent {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, trace, span, flags] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() || version != "00" {
            return None;
        }
        let lengths = [trace.len(), span.len(), flags.len()];
        let is_hex = |part: &str| part.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        if lengths != [32, 16, 2] || ![trace, span, flags].into_iter().all(is_hex) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
        Some(Self { trace: TraceId(trace), span, flags: u8::from_str_radix(flags, 16).ok()? })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn anything_but_the_one_form_is_refused_and_not_repeated() {
        assert!(TEXT.parse::<TraceParent>().is_ok());
        for wrong in [
            String::new(),
            TEXT[1..].to_owned(),
            format!("{TEXT}0"),
            format!("{TEXT}-00"),
            format!(" {TEXT}"),
            TEXT.replace("4bf", "4BF"),
            TEXT.replace("4bf", "+bf"),
            TEXT.replace("4bf", "gbf"),
            TEXT.replace("00-", "ff-"),
            TEXT.replace("00-", "01-"),
            TEXT.replace('-', "_"),
            TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            TEXT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736-", "4bf92f3577b34da6a3ce929d0e0e473-6"),
        ] {
            let error = wrong.parse::<TraceParent>().unwrap_err().to_string();
            assert!(error.starts_with("traceparent must be 55 characters"), "{wrong}: {error}");
            assert!(!error.contains("4736"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike(text in "[0-9a-f -]{0,60}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}") {
            if let Ok(parent) = text.parse::<TraceParent>() {
                prop_assert_eq!(parent.to_string(), text);
            }
        }

        #[test]
        fn what_is_made_of_ids_can_be_read(trace in 1..=u128::MAX, span in 1..=u64::MAX) {
            let parent = TraceParent::new(trace, span, Sampled::Yes).unwrap();
            prop_assert_eq!(parent.to_string().parse(), Ok(parent));
        }
    }

    #[test]
    fn an_id_of_zeros_is_no_trace() {
        assert_eq!(TraceParent::new(0, 1, Sampled::Yes), None);
        assert_eq!(TraceParent::new(1, 0, Sampled::No), None);
    }
}
