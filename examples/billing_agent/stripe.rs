//! The parts of Stripe's objects that the tools read and show to the model.

use std::collections::BTreeMap;
use std::fmt;

use agentcred::{NextPage, Paged};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One page of a list object.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) has_more: bool,
}

impl<T: DeserializeOwned + Listed> Paged for Page<T> {
    fn next_page(&self) -> NextPage {
        if !self.has_more {
            return NextPage::none();
        }
        NextPage::after("starting_after", self.data.last().map(Listed::id))
    }
}

/// What stands in a list, and by whose id the next page is asked for.
pub(crate) trait Listed {
    fn id(&self) -> &str;
}

/// A customer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// An invoice. Amounts are in the currency's smallest unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    /// The number that the customer sees; drafts have none.
    pub(crate) number: Option<String>,
    pub(crate) status: InvoiceStatus,
    /// Three-letter code, in lower case.
    pub(crate) currency: String,
    pub(crate) amount_due: i64,
    pub(crate) amount_paid: i64,
    /// What is still to be paid.
    pub(crate) amount_remaining: i64,
    pub(crate) created: Day,
    pub(crate) due_date: Option<Day>,
}

/// Where an invoice is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Uncollectible,
    Void,
}

/// A payment. Amounts are in the currency's smallest unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) amount_refunded: i64,
    /// Three-letter code, in lower case.
    pub(crate) currency: String,
    pub(crate) created: Day,
    pub(crate) description: Option<String>,
}

/// Money given back. The amount is in the currency's smallest unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) charge: String,
    pub(crate) amount: i64,
    /// Three-letter code, in lower case.
    pub(crate) currency: String,
    pub(crate) status: String,
}

/// What a customer owes in one currency, in its smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Owed {
    /// Three-letter code, in lower case.
    pub(crate) currency: String,
    pub(crate) amount: i64,
    /// How many open invoices add up to the amount.
    pub(crate) invoices: u32,
}

impl Listed for Invoice {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Charge {
    fn id(&self) -> &str {
        &self.id
    }
}

impl InvoiceStatus {
    /// The status as Stripe spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }
}

impl Owed {
    /// What remains to be paid of `invoices`, one sum for each currency, in the order of
    /// the currencies' codes.
    pub(crate) fn by_currency(invoices: &[Invoice]) -> Vec<Self> {
        let mut sums: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
        for invoice in invoices {
            let (amount, count) = sums.entry(&invoice.currency).or_default();
            *amount += invoice.amount_remaining;
            *count += 1;
        }
        sums.into_iter()
            .map(|(currency, (amount, invoices))| Self {
                currency: currency.to_owned(),
                amount,
                invoices,
            })
            .collect()
    }
}

/// A day in UTC: Stripe writes it as seconds since 1970, the model reads `2026-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Date);

impl Day {
    /// The day of `timestamp`, or nothing for one outside the years that have four digits.
    pub(crate) fn of(timestamp: i64) -> Option<Self> {
        let timestamp = Timestamp::from_second(timestamp).ok()?;
        Some(Self(timestamp.to_zoned(TimeZone::UTC).date()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(i64),
            Date(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => Self::of(seconds)
                .ok_or_else(|| D::Error::custom("a timestamp outside the calendar")),
            Written::Date(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_stripes_seconds_and_its_own_text() {
        let day: Day = serde_json::from_str("1767268800").unwrap();
        assert_eq!(serde_json::to_string(&day).unwrap(), "\"2026-01-01\"");
        assert_eq!(serde_json::from_str::<Day>("\"2026-01-01\"").unwrap(), day);
        assert!(serde_json::from_str::<Day>("99999999999999").is_err());
    }
}
