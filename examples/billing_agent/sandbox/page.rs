//! List objects: newest first, cut into pages by `limit` and `starting_after`.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::params::Params;
use super::refusal::Refusal;

/// What can stand in a list.
pub(super) trait Listed {
    /// The object's name in messages.
    const KIND: &'static str;

    fn id(&self) -> &str;
    fn created(&self) -> i64;
}

/// The part of a list that one request asks for.
pub(super) struct Window {
    limit: usize,
    after: Option<(String, &'static str)>,
}

/// The objects of one page and whether more follow.
pub(super) struct Page<'a, T> {
    pub(super) items: Vec<&'a T>,
    pub(super) has_more: bool,
}

impl Window {
    /// Reads `limit`, and the id to continue after from the parameter `cursor`.
    pub(super) fn read(params: &Params, cursor: &'static str) -> Result<Self, Refusal> {
        let limit = params.integer("limit", 1, LARGEST_PAGE)?;
        Ok(Self {
            limit: usize::try_from(limit.unwrap_or(DEFAULT_PAGE)).unwrap_or_default(),
            after: params.text(cursor).map(|id| (id.to_owned(), cursor)),
        })
    }

    /// The page of those among `all` that `keep` keeps.
    pub(super) fn cut<'a, T: Listed>(
        &self,
        all: &'a [T],
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<'a, T>, Refusal> {
        let mut kept: Vec<&T> = all.iter().filter(|item| keep(item)).collect();
        kept.sort_by_key(|item| position(*item));
        if let Some((id, param)) = &self.after {
            let last = all
                .iter()
                .find(|item| item.id() == id)
                .ok_or_else(|| Refusal::missing_reference(T::KIND, id, param))?;
            kept.retain(|item| position(*item) > position(last));
        }
        let has_more = kept.len() > self.limit;
        kept.truncate(self.limit);
        Ok(Page { items: kept, has_more })
    }
}

/// Stripe's list object around `items`.
pub(super) fn list_object(url: &str, has_more: bool, items: &[Value]) -> Value {
    json!({ "object": "list", "url": url, "has_more": has_more, "data": items })
}

fn position<T: Listed>(item: &T) -> (Reverse<i64>, &str) {
    (Reverse(item.created()), item.id())
}

const DEFAULT_PAGE: i64 = 10;
const LARGEST_PAGE: i64 = 100;
