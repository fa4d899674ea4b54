//! From the question and what the tools returned so far to the next step.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::money::Amount;
use super::super::stripe::{Charge, Customer, Day, Invoice, InvoiceStatus, Owed, Refund};
use super::answer;
use super::question::{Kind, Question, Refunded, Who};
use super::transcript::{ToolFailure, Transcript};

/// What the planner does next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Call {
        tool: &'static str,
        arguments: Value,
    },
    Answer(String),
    /// It cannot go on; the reason is for the person who asked.
    Stuck(String),
}

/// The step that follows from what is known.
pub(super) fn next_step(transcript: &Transcript, today: Day) -> Step {
    let planned = match Question::read(&transcript.question) {
        Ok(question) => Plan { transcript, today }.answer(question),
        Err(unclear) => Err(Step::Stuck(answer::cannot_plan(unclear))),
    };
    match planned {
        Ok(text) => Step::Answer(text),
        Err(step) => step,
    }
}

struct Plan<'t> {
    transcript: &'t Transcript,
    today: Day,
}

/// A value that is known, or the step that comes before it is.
type Known<T> = Result<T, Step>;

impl Plan<'_> {
    fn answer(&self, question: Question) -> Known<String> {
        match question {
            Question::Owed { who, listed } => self.of_each(&who, |c| self.owed(c, listed)),
            Question::Invoices { who, kind } => self.of_each(&who, |c| self.invoices(c, kind)),
            Question::Payments { who } => self.of_each(&who, |c| self.payments(c)),
            Question::Customer { who } => {
                let found = who.iter().map(|who| self.customers(who));
                Ok(found.collect::<Known<Vec<String>>>()?.join("\n"))
            }
            Question::Customers => {
                let customers: Vec<Customer> = self.ask("find_customers", json!({}))?;
                Ok(answer::newest_customers(&customers))
            }
            Question::Charge { id } => {
                Ok(answer::charge(&self.ask_or_say("find_charge", json!({ "charge": id }), "")?))
            }
            Question::Refund { of, amount } => self.refund(of, amount),
        }
    }

    fn owed(&self, customer: &Customer, listed: bool) -> Known<String> {
        let owed: Vec<Owed> = self.ask("sum_owed", json!({ "customer": customer.id }))?;
        if !listed || owed.is_empty() {
            return Ok(answer::owed(customer, &owed));
        }
        let invoices = self.list(customer, Some(InvoiceStatus::Open))?;
        if Owed::by_currency(&invoices) != owed {
            let reason = "the invoices changed while I was reading them; ask again";
            return Err(Step::Stuck(reason.to_owned()));
        }
        Ok(answer::owed_on(customer, &owed, &invoices, self.today))
    }

    fn invoices(&self, customer: &Customer, kind: Kind) -> Known<String> {
        let status = match kind {
            Kind::Any => None,
            Kind::Draft => Some(InvoiceStatus::Draft),
            Kind::Open | Kind::Overdue => Some(InvoiceStatus::Open),
            Kind::Paid => Some(InvoiceStatus::Paid),
            Kind::Uncollectible => Some(InvoiceStatus::Uncollectible),
            Kind::Void => Some(InvoiceStatus::Void),
        };
        let mut invoices = self.list(customer, status)?;
        if kind == Kind::Overdue {
            invoices.retain(|invoice| answer::is_overdue(invoice, self.today));
        }
        Ok(answer::invoices(customer, kind, &invoices, self.today))
    }

    fn payments(&self, customer: &Customer) -> Known<String> {
        Ok(answer::payments(customer, &self.charges(customer)?))
    }

    fn refund(&self, of: Refunded, amount: Option<Amount>) -> Known<String> {
        let charge: Charge = match of {
            Refunded::Charge(id) => {
                self.ask_or_say("find_charge", json!({ "charge": id }), "nothing was refunded: ")?
            }
            Refunded::LastOf(who) => {
                let customer = self.customer(&who)?;
                let charges = self.charges(&customer)?;
                let none = || Step::Answer(answer::no_charges(&customer));
                charges.into_iter().next().ok_or_else(none)?
            }
        };
        let mut arguments = json!({ "charge": charge.id });
        if let Some(amount) = amount {
            let currency = charge.currency.as_str();
            let cents = amount
                .in_currency(currency)
                .and_then(|amount| amount.in_smallest_unit(currency))
                .ok_or_else(|| Step::Answer(answer::other_currency(&charge)))?;
            if cents > answer::refundable(&charge) || cents == 0 {
                return Ok(answer::not_refundable(&charge, Some(cents)));
            }
            arguments["amount"] = cents.into();
        }
        if answer::refundable(&charge) == 0 {
            return Ok(answer::not_refundable(&charge, None));
        }
        let refund: Refund =
            self.ask_or_say("refund_charge", arguments, "nothing was refunded: ")?;
        Ok(answer::refunded(&charge, &refund))
    }

    /// The answers for every customer named, one below the other.
    fn of_each(&self, who: &[Who], answer: impl Fn(&Customer) -> Known<String>) -> Known<String> {
        let mut answers = Vec::new();
        for who in who {
            for part in self.parts(who)? {
                answers.push(match self.customer(&part) {
                    Ok(customer) => answer(&customer)?,
                    Err(Step::Answer(not_one)) => not_one,
                    Err(step) => return Err(step),
                });
            }
        }
        Ok(answers.join("\n"))
    }

    /// `Ada Brightwater and Bob Tannerby`, when nobody is called that, is two customers.
    fn parts(&self, who: &Who) -> Known<Vec<Who>> {
        match who {
            Who::Name(name) if name.contains(" and ") && self.search(name)?.is_empty() => {
                Ok(name.split(" and ").map(|part| Who::Name(part.trim().to_owned())).collect())
            }
            who => Ok(vec![who.clone()]),
        }
    }

    /// The one customer meant, or the answer that there is none or more than one.
    fn customer(&self, who: &Who) -> Known<Customer> {
        match self.candidates(who)?.as_slice() {
            [] => Err(Step::Answer(answer::not_found(who))),
            [customer] => Ok(customer.clone()),
            several => Err(Step::Answer(answer::ambiguous(who, several))),
        }
    }

    /// Everybody who may be meant.
    fn customers(&self, who: &Who) -> Known<String> {
        let found = self.candidates(who)?;
        Ok(if found.is_empty() { answer::not_found(who) } else { answer::customers(&found) })
    }

    fn candidates(&self, who: &Who) -> Known<Vec<Customer>> {
        match who {
            Who::Email(email) => self.ask("find_customers", json!({ "email": email })),
            Who::Id(id) => self.ask("find_customers", json!({ "id": id })),
            Who::Name(name) => Ok(best_matches(self.search(name)?, name)),
        }
    }

    fn search(&self, name: &str) -> Known<Vec<Customer>> {
        if name.chars().count() < SHORTEST_NAME {
            return Err(Step::Answer(answer::name_too_short(name)));
        }
        self.ask("find_customers", json!({ "name": name }))
    }

    fn list(&self, customer: &Customer, status: Option<InvoiceStatus>) -> Known<Vec<Invoice>> {
        let mut arguments = json!({ "customer": customer.id });
        if let Some(status) = status {
            arguments["status"] = status.as_str().into();
        }
        self.ask("list_invoices", arguments)
    }

    /// Newest first, as Stripe lists them.
    fn charges(&self, customer: &Customer) -> Known<Vec<Charge>> {
        self.ask("list_charges", json!({ "customer": customer.id }))
    }

    /// What the tool returned, or the call that has to be made.
    fn ask<T: DeserializeOwned>(&self, tool: &'static str, arguments: Value) -> Known<T> {
        self.ask_or(tool, arguments, |failure| {
            let ToolFailure { code, message } = failure;
            Step::Stuck(format!("{tool} failed: {message} ({code})"))
        })
    }

    /// As [`Self::ask`], but a reason that the tool gives for the model to read is an answer.
    fn ask_or_say<T: DeserializeOwned>(
        &self,
        tool: &'static str,
        arguments: Value,
        before: &str,
    ) -> Known<T> {
        self.ask_or(tool, arguments, |failure| {
            let ToolFailure { code, message } = failure;
            if code == FAILED && message != UNSAID {
                Step::Answer(format!("{before}{message}"))
            } else {
                Step::Stuck(format!("{before}{tool} failed: {message} ({code})"))
            }
        })
    }

    fn ask_or<T: DeserializeOwned>(
        &self,
        tool: &'static str,
        arguments: Value,
        failed: impl Fn(&ToolFailure) -> Step,
    ) -> Known<T> {
        match self.transcript.returned(tool, &arguments) {
            None => Err(Step::Call { tool, arguments }),
            Some(Err(failure)) => Err(failed(failure)),
            Some(Ok(value)) => T::deserialize(value).map_err(|error| {
                Step::Stuck(format!("{tool} returned what I cannot read: {error}"))
            }),
        }
    }
}

/// Those whose whole name it is; else those who have it as whole words; else all.
fn best_matches(found: Vec<Customer>, name: &str) -> Vec<Customer> {
    let wanted = name.to_lowercase();
    let called = |customer: &Customer| customer.name.as_deref().unwrap_or_default().to_lowercase();
    let exact: Vec<Customer> = found.iter().filter(|c| called(c) == wanted).cloned().collect();
    let within: Vec<Customer> = found
        .iter()
        .filter(|customer| format!(" {} ", called(customer)).contains(&format!(" {wanted} ")))
        .cloned()
        .collect();
    [exact, within].into_iter().find(|some| !some.is_empty()).unwrap_or(found)
}

/// Stripe searches for three letters or more.
const SHORTEST_NAME: usize = 3;

/// The code of a tool that failed, and the text when its author did not say why.
const FAILED: &str = "tool_failed";
const UNSAID: &str = "the tool failed";
