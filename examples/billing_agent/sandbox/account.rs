//! The account that the sandbox serves: customers, invoices and charges from the fixture.

use std::io;

use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Listed;

/// The whole account; refunds change it.
#[derive(Deserialize)]
pub(super) struct Account {
    /// When the fixture was written, in seconds since 1970.
    as_of: i64,
    pub(super) customers: Vec<Customer>,
    pub(super) invoices: Vec<Invoice>,
    pub(super) charges: Vec<Charge>,
    #[serde(default)]
    pub(super) refunds: Vec<Refund>,
}

#[derive(Deserialize)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    currency: String,
    created: i64,
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    pub(super) id: String,
    number: Option<String>,
    pub(super) customer: String,
    pub(super) status: String,
    currency: String,
    pub(super) amount_due: i64,
    pub(super) amount_paid: i64,
    pub(super) amount_remaining: i64,
    created: i64,
    due_date: Option<i64>,
    description: String,
}

#[derive(Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) invoice: String,
    pub(super) amount: i64,
    pub(super) amount_refunded: i64,
    pub(super) currency: String,
    created: i64,
    description: String,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) charge: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: Option<String>,
    pub(super) created: i64,
}

impl Account {
    /// Reads the fixture and moves all its timestamps by the days that lie between the day
    /// on which it was written and the day of `now`.
    pub(super) fn from_fixture(now: i64) -> io::Result<Self> {
        let mut account: Self = serde_json::from_str(FIXTURE)?;
        let age = (now.div_euclid(DAY) - account.as_of.div_euclid(DAY)) * DAY;
        account.as_of = now;
        for customer in &mut account.customers {
            customer.created += age;
        }
        for invoice in &mut account.invoices {
            invoice.created += age;
            invoice.due_date = invoice.due_date.map(|due| due + age);
        }
        for charge in &mut account.charges {
            charge.created += age;
        }
        Ok(account)
    }

    /// The time that new objects are stamped with.
    pub(super) fn now(&self) -> i64 {
        self.as_of
    }

    pub(super) fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.id == id)
    }

    pub(super) fn invoice_on_the_wire(&self, invoice: &Invoice) -> Value {
        let customer = self.customer(&invoice.customer);
        json!({
            "id": invoice.id,
            "object": "invoice",
            "amount_due": invoice.amount_due,
            "amount_paid": invoice.amount_paid,
            "amount_remaining": invoice.amount_remaining,
            "collection_method": "send_invoice",
            "created": invoice.created,
            "currency": invoice.currency,
            "customer": invoice.customer,
            "customer_email": customer.map(|customer| &customer.email),
            "customer_name": customer.map(|customer| &customer.name),
            "description": invoice.description,
            "due_date": invoice.due_date,
            "livemode": false,
            "metadata": {},
            "number": invoice.number,
            "status": invoice.status,
            "total": invoice.amount_due,
        })
    }
}

impl Customer {
    pub(super) fn on_the_wire(&self) -> Value {
        json!({
            "id": self.id,
            "object": "customer",
            "balance": 0,
            "created": self.created,
            "currency": self.currency,
            "description": null,
            "email": self.email,
            "livemode": false,
            "metadata": {},
            "name": self.name,
            "phone": null,
        })
    }
}

impl Charge {
    pub(super) fn on_the_wire(&self) -> Value {
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount,
            "amount_refunded": self.amount_refunded,
            "captured": true,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": false,
            "invoice": self.invoice,
            "livemode": false,
            "metadata": {},
            "paid": true,
            "refunded": self.amount_refunded == self.amount,
            "status": "succeeded",
        })
    }
}

impl Refund {
    pub(super) fn on_the_wire(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": {},
            "reason": self.reason,
            "status": "succeeded",
        })
    }
}

impl Listed for Customer {
    const KIND: &'static str = "customer";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl Listed for Invoice {
    const KIND: &'static str = "invoice";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl Listed for Charge {
    const KIND: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// In seconds.
const DAY: i64 = 86_400;
const FIXTURE: &str = include_str!("../fixture.json");

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn account() -> Account {
        Account::from_fixture(1_800_000_000).unwrap()
    }

    #[test]
    fn the_fixture_is_large_enough_to_need_paging() {
        let account = account();
        assert!(account.customers.len() >= 50);
        assert!(account.invoices.len() >= 300);
        let open = |customer: &Customer| {
            let theirs = account.invoices.iter().filter(|i| i.customer == customer.id);
            theirs.filter(|i| i.status == "open").count()
        };
        assert!(account.customers.iter().map(open).max() > Some(100));
        assert!(account.customers.iter().map(open).min() == Some(0));
    }

    #[test]
    fn every_invoice_adds_up_with_its_charges() {
        let account = account();
        for invoice in &account.invoices {
            let charged: i64 = account
                .charges
                .iter()
                .filter(|charge| charge.invoice == invoice.id)
                .inspect(|charge| assert_eq!(charge.customer, invoice.customer))
                .map(|charge| charge.amount)
                .sum();
            assert_eq!(invoice.amount_due, invoice.amount_paid + invoice.amount_remaining);
            assert_eq!(invoice.amount_paid, charged, "{}", invoice.id);
            assert_eq!(invoice.status == "paid", invoice.amount_remaining == 0);
            assert!(account.customer(&invoice.customer).is_some());
        }
    }

    #[test]
    fn ids_are_unique_and_mail_goes_nowhere() {
        let account = account();
        let ids = account.customers.iter().map(|c| &c.id);
        let ids = ids.chain(account.invoices.iter().map(|i| &i.id));
        let ids = ids.chain(account.charges.iter().map(|c| &c.id));
        let distinct: HashSet<&String> = ids.clone().collect();
        assert_eq!(distinct.len(), ids.count());
        for customer in &account.customers {
            let domain = customer.email.split('@').next_back();
            assert!(matches!(domain, Some("example.com" | "example.org")));
        }
    }

    #[test]
    fn the_account_is_as_old_on_whatever_day_it_is_read() {
        let midnight = 20_000 * DAY;
        let (early, late) = (Account::from_fixture(0).unwrap(), account());
        let noon = Account::from_fixture(midnight + DAY / 2).unwrap();
        let midnight = Account::from_fixture(midnight).unwrap();
        assert_eq!(noon.invoices[0].created, midnight.invoices[0].created);
        assert_eq!(late.invoices[0].created - early.invoices[0].created, 20_833 * DAY);
        assert!(midnight.invoices.iter().all(|invoice| invoice.created < midnight.now()));
        assert!(midnight.charges.iter().all(|charge| charge.created < midnight.now()));
    }
}
