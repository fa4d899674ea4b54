//! A list that comes in pages: one request after the other, within the nonce's uses.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::egress::RequestError;
use crate::request::RequestBuilder;
use crate::response::Response;

/// One page of a list, which knows how the next one is asked for.
///
/// Lists that go on after the last entry, as Stripe's do:
///
/// ```
/// use agentcred_runtime::{NextPage, Paged};
///
/// #[derive(serde::Deserialize)]
/// struct Customer { id: String }
///
/// #[derive(serde::Deserialize)]
/// struct Page { data: Vec<Customer>, has_more: bool }
///
/// impl Paged for Page {
///     fn next_page(&self) -> NextPage {
///         if !self.has_more {
///             return NextPage::none();
///         }
///         NextPage::after("starting_after", self.data.last().map(|last| last.id.as_str()))
///     }
/// }
/// ```
///
/// Lists with a cursor:
///
/// ```
/// # use agentcred_runtime::{NextPage, Paged};
/// #[derive(serde::Deserialize)]
/// struct Page { members: Vec<String>, next_cursor: Option<String> }
///
/// impl Paged for Page {
///     fn next_page(&self) -> NextPage {
///         NextPage::cursor("cursor", self.next_cursor.as_deref())
///     }
/// }
/// ```
pub trait Paged: DeserializeOwned {
    /// Where the page after this one is.
    fn next_page(&self) -> NextPage;
}

/// Where the next page of a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is what `Paged::next_page` gives back"]
pub struct NextPage(Step);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    First,
    At { parameter: &'static str, value: String },
    Unknown,
    Over,
}

impl NextPage {
    /// This page is the last one.
    pub fn none() -> Self {
        Self(Step::Over)
    }

    /// More entries follow this page's last one, whose id the query parameter takes. A page that
    /// says so and has no last entry ends in [`RequestError::LostPage`], and not as a list that
    /// looks whole.
    pub fn after(parameter: &'static str, last: Option<&str>) -> Self {
        Self(last.map_or(Step::Unknown, |last| Step::At { parameter, value: last.to_owned() }))
    }

    /// The query parameter takes the cursor that this page gave. Without one, or with an empty one,
    /// the page is the last.
    pub fn cursor(parameter: &'static str, cursor: Option<&str>) -> Self {
        match cursor {
            None | Some("") => Self::none(),
            Some(cursor) => Self(Step::At { parameter, value: cursor.to_owned() }),
        }
    }
}

/// The pages of a list. Made by [`RequestBuilder::pages`].
///
/// Each page spends one use of the nonce: a tool that reads up to ten says `uses = 10`.
#[must_use = "pages are read with `while let Some(page) = pages.next().await?`"]
pub struct Pages<'n, P> {
    first: RequestBuilder<'n>,
    next: Step,
    page: PhantomData<fn() -> P>,
}

impl<'n, P: Paged> Pages<'n, P> {
    pub(crate) fn new(first: RequestBuilder<'n>) -> Self {
        Self { first, next: Step::First, page: PhantomData }
    }

    /// Asks for the next page; nothing is left after the last one. After an error it asks for the
    /// same page again.
    ///
    /// # Errors
    /// As [`RequestBuilder::fetch`]; [`RequestError::UsesExceeded`], without a request, when there
    /// are more pages than uses; [`RequestError::LostPage`].
    pub async fn next(&mut self) -> Result<Option<P>, RequestError> {
        self.next_by(Response::json).await
    }

    /// Like [`Self::next`], with a function of the caller's that reads the answer, as for turning an
    /// upstream's error object into an error of the tool.
    ///
    /// # Errors
    /// As [`Self::next`], and those of the function.
    pub async fn next_by<E: From<RequestError>>(
        &mut self,
        read: impl FnOnce(Response) -> Result<P, E>,
    ) -> Result<Option<P>, E> {
        let request = self.first.clone();
        let request = match &self.next {
            Step::First => request,
            Step::At { parameter, value } => request.query(&[(parameter, value)]),
            Step::Unknown => return Err(RequestError::LostPage.into()),
            Step::Over => return Ok(None),
        };
        let page = read(request.send().await?)?;
        self.next = page.next_page().0;
        Ok(Some(page))
    }
}
