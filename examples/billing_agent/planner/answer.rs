//! Answers in words: every figure in them comes from what a tool returned.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::money::written;
use super::super::stripe::{Charge, Customer, Day, Invoice, InvoiceStatus, Owed, Refund};
use super::question::{Kind, Unclear, Who};

pub(super) fn cannot_plan(Unclear(reason): Unclear) -> String {
    format!(
        "I am the offline planner and cannot answer that: {reason}. I can say what a customer \
         owes and on which invoices, list open, paid, overdue or all invoices, say what a \
         customer paid, find customers by name or e-mail, describe a charge by its id, and \
         refund a charge or the last charge of a customer. Set OPENAI_API_KEY or \
         ANTHROPIC_API_KEY to ask a language model instead"
    )
}

pub(super) fn not_found(who: &Who) -> String {
    match who {
        Who::Email(email) => format!("not found: no customer with e-mail {email}"),
        Who::Id(id) => format!("not found: no customer with id {id}"),
        Who::Name(name) => format!("not found: no customer called {name}"),
    }
}

pub(super) fn name_too_short(name: &str) -> String {
    format!("`{name}` is too short to search for; give the e-mail or more of the name")
}

pub(super) fn ambiguous(who: &Who, several: &[Customer]) -> String {
    let what = match who {
        Who::Email(email) => format!("have the e-mail {email}"),
        Who::Id(id) => format!("have the id {id}"),
        Who::Name(name) => format!("match the name {name}"),
    };
    let by = if matches!(who, Who::Name(_)) { "e-mail" } else { "id" };
    let mut text = format!("{} customers {what}; ask again with the {by}:", several.len());
    for customer in several {
        let _ = write!(text, "\n  {}", customer_line(customer));
    }
    text
}

pub(super) fn customers(found: &[Customer]) -> String {
    let lines: Vec<String> = found.iter().map(customer_line).collect();
    lines.join("\n")
}

pub(super) fn newest_customers(found: &[Customer]) -> String {
    match found {
        [] => "there are no customers yet".to_owned(),
        found => format!("The {} newest customers:\n{}", found.len(), customers(found)),
    }
}

pub(super) fn owed(customer: &Customer, owed: &[Owed]) -> String {
    let name = called(customer);
    if owed.is_empty() {
        return format!("{name} owes nothing: no invoice is open.");
    }
    let parts: Vec<String> = owed
        .iter()
        .map(|owed| {
            let sum = written(owed.amount, &owed.currency);
            format!("{sum} on {}", counted(owed.invoices as usize, "open invoice"))
        })
        .collect();
    format!("{name} owes {}.", parts.join(" and "))
}

pub(super) fn owed_on(
    customer: &Customer,
    sums: &[Owed],
    invoices: &[Invoice],
    today: Day,
) -> String {
    let mut text = owed(customer, sums);
    write_invoices(&mut text, invoices, today);
    text
}

pub(super) fn invoices(
    customer: &Customer,
    kind: Kind,
    invoices: &[Invoice],
    today: Day,
) -> String {
    let name = called(customer);
    let adjective = match kind {
        Kind::Any => "",
        Kind::Draft => "draft ",
        Kind::Open => "open ",
        Kind::Overdue => "overdue ",
        Kind::Paid => "paid ",
        Kind::Uncollectible => "uncollectible ",
        Kind::Void => "void ",
    };
    if invoices.is_empty() {
        return format!("{name} has no {adjective}invoices.");
    }
    let count = counted(invoices.len(), &format!("{adjective}invoice"));
    let mut text = format!("{name} has {count}");
    let sum_of = |amount: fn(&Invoice) -> i64| {
        sums(invoices.iter().map(|invoice| (invoice.currency.as_str(), amount(invoice))))
    };
    match kind {
        Kind::Open | Kind::Overdue => {
            let _ = write!(text, ", {} still to pay:", sum_of(|i| i.amount_remaining));
        }
        Kind::Paid => {
            let _ = write!(text, ", {} paid:", sum_of(|invoice| invoice.amount_paid));
        }
        Kind::Any => text.push(':'),
        Kind::Draft | Kind::Uncollectible | Kind::Void => {
            let _ = write!(text, ", {} in all:", sum_of(|invoice| invoice.amount_due));
        }
    }
    write_invoices(&mut text, invoices, today);
    text
}

pub(super) fn payments(customer: &Customer, charges: &[Charge]) -> String {
    if charges.is_empty() {
        return no_charges(customer);
    }
    let name = called(customer);
    let count = counted(charges.len(), "charge");
    let paid = sums(charges.iter().map(|charge| (charge.currency.as_str(), charge.amount)));
    let mut text = format!("{name} paid {paid} in {count}");
    let returned = charges.iter().filter(|charge| charge.amount_refunded > 0);
    let returned: Vec<_> =
        returned.map(|charge| (charge.currency.as_str(), charge.amount_refunded)).collect();
    if !returned.is_empty() {
        let _ = write!(text, ", of which {} was refunded", sums(returned.into_iter()));
    }
    text.push(':');
    for item in charges {
        let _ = write!(text, "\n  {}", charge(item));
    }
    text
}

pub(super) fn no_charges(customer: &Customer) -> String {
    format!("{} has not paid anything yet.", called(customer))
}

pub(super) fn charge(charge: &Charge) -> String {
    let sum = written(charge.amount, &charge.currency);
    let mut text = format!("{}  {sum}  paid {}", charge.id, charge.created);
    if refundable(charge) == 0 {
        text.push_str("  refunded in full");
    } else if charge.amount_refunded > 0 {
        let back = written(charge.amount_refunded, &charge.currency);
        let _ = write!(text, "  {back} refunded");
    }
    text
}

pub(super) fn refunded(charge: &Charge, refund: &Refund) -> String {
    let sum = written(refund.amount, &refund.currency);
    let left = refundable(charge) - refund.amount;
    let rest = if left == 0 {
        "nothing of it is left to refund".to_owned()
    } else {
        let (left, all) =
            (written(left, &charge.currency), written(charge.amount, &charge.currency));
        format!("{left} of its {all} is left")
    };
    let Refund { id, status, .. } = refund;
    format!("Refunded {sum} of charge {}: {rest}. Refund {id}, {status}.", charge.id)
}

pub(super) fn not_refundable(charge: &Charge, asked: Option<i64>) -> String {
    let left = refundable(charge);
    if left == 0 {
        return format!("nothing was refunded: charge {} is refunded already", charge.id);
    }
    let left = written(left, &charge.currency);
    let asked = written(asked.unwrap_or_default(), &charge.currency);
    format!("nothing was refunded: charge {} has {left} left to refund, not {asked}", charge.id)
}

pub(super) fn other_currency(charge: &Charge) -> String {
    let currency = charge.currency.to_uppercase();
    format!("nothing was refunded: charge {} is in {currency}, which the amount is not", charge.id)
}

/// What has not been given back yet.
pub(super) fn refundable(charge: &Charge) -> i64 {
    charge.amount - charge.amount_refunded
}

pub(super) fn is_overdue(invoice: &Invoice, today: Day) -> bool {
    invoice.status == InvoiceStatus::Open && invoice.due_date.is_some_and(|due| due < today)
}

fn write_invoices(text: &mut String, invoices: &[Invoice], today: Day) {
    for invoice in invoices {
        let _ = write!(text, "\n  {}", invoice_line(invoice, today));
    }
}

fn invoice_line(invoice: &Invoice, today: Day) -> String {
    let number = invoice.number.as_deref().unwrap_or(&invoice.id);
    let money = |amount| written(amount, &invoice.currency);
    let mut line = match invoice.status {
        InvoiceStatus::Open => format!("{number}  {}", money(invoice.amount_remaining)),
        _ => format!("{number}  {}  {}", money(invoice.amount_due), invoice.status.as_str()),
    };
    if invoice.status == InvoiceStatus::Open && invoice.amount_paid > 0 {
        let _ = write!(line, " of {}", money(invoice.amount_due));
    }
    match invoice.due_date {
        Some(due) if is_overdue(invoice, today) => {
            let _ = write!(line, "  overdue since {due}");
        }
        Some(due) if invoice.status == InvoiceStatus::Open => {
            let _ = write!(line, "  due {due}");
        }
        _ => {
            let _ = write!(line, "  of {}", invoice.created);
        }
    }
    line
}

/// `Ada Brightwater (ada@example.com)`, or what is known of it.
fn called(customer: &Customer) -> String {
    match (&customer.name, &customer.email) {
        (Some(name), Some(email)) => format!("{name} ({email})"),
        (Some(name), None) => name.clone(),
        (None, Some(email)) => email.clone(),
        (None, None) => format!("Customer {}", customer.id),
    }
}

fn customer_line(customer: &Customer) -> String {
    let name = customer.name.as_deref().unwrap_or("(no name)");
    let email = customer.email.as_deref().unwrap_or("(no e-mail)");
    format!("{name}  {email}  {}", customer.id)
}

/// Sums by currency, as currencies do not add up.
fn sums<'a>(amounts: impl Iterator<Item = (&'a str, i64)>) -> String {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (currency, amount) in amounts {
        *sums.entry(currency).or_default() += amount;
    }
    let sums: Vec<String> = sums.into_iter().map(|(code, sum)| written(sum, code)).collect();
    sums.join(" and ")
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
