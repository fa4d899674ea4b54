//! State: what the program shares with its tools, found by type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A parameter of a tool that the program fills in, such as a database pool or settings.
///
/// Add the value to the toolbox, and take it in any tool by its type. An agent whose tools need
/// a type that was never added is refused when it is built, not when the tool is called.
///
/// `T` may be unsized: `State<dyn Mailer>` takes an `Arc<dyn Mailer>` added with
/// [`StateMap::insert_arc`].
pub struct State<T: ?Sized>(Arc<T>);

impl<T: ?Sized> State<T> {
    /// Wraps a value, for a test that calls the tool's function itself.
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(value.into())
    }
}

impl<T: ?Sized> Deref for State<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

// The value is not printed: state is where programs keep passwords and pools.
impl<T: ?Sized> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&format_args!("{}", type_name::<T>())).finish()
    }
}

/// All state of a toolbox, at most one value of each type.
#[derive(Default)]
pub struct StateMap {
    values: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl StateMap {
    /// Adds a value. False when there was one of this type, which is then replaced.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.insert_arc(Arc::new(value))
    }

    /// Adds a shared value, sized or not. False when there was one of this type, which is then
    /// replaced.
    pub fn insert_arc<T: ?Sized + Send + Sync + 'static>(&mut self, value: Arc<T>) -> bool {
        self.values.insert(TypeId::of::<T>(), Box::new(value)).is_none()
    }

    /// The value of this type.
    pub fn find<T: ?Sized + Send + Sync + 'static>(&self) -> Option<State<T>> {
        let value = self.values.get(&TypeId::of::<T>())?.downcast_ref::<Arc<T>>()?;
        Some(State(Arc::clone(value)))
    }

    /// Whether a tool that needs this finds it here.
    pub fn satisfies(&self, requirement: &StateRequirement) -> bool {
        self.values.contains_key(&requirement.type_id)
    }
}

impl fmt::Debug for StateMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMap").field("values", &self.values.len()).finish()
    }
}

/// A type of state that a tool cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRequirement {
    type_id: TypeId,
    type_name: &'static str,
}

impl StateRequirement {
    /// The requirement of a parameter `State<T>`.
    pub fn of<T: ?Sized + 'static>() -> Self {
        Self { type_id: TypeId::of::<T>(), type_name: type_name::<T>() }
    }

    /// The type's path, for an error message.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_found_by_its_type() {
        let mut map = StateMap::default();
        assert!(map.insert(7_u32));
        assert_eq!(*map.find::<u32>().unwrap(), 7);
        assert!(map.find::<u64>().is_none());
    }

    #[test]
    fn a_second_value_of_a_type_replaces_the_first_and_says_so() {
        let mut map = StateMap::default();
        map.insert(String::from("first"));
        assert!(!map.insert(String::from("second")));
        assert_eq!(map.find::<String>().unwrap().as_str(), "second");
    }

    #[test]
    fn a_trait_object_is_state_too() {
        let mut map = StateMap::default();
        map.insert_arc::<dyn Fn(u32) -> u32 + Send + Sync>(Arc::new(|x| x + 1));
        let function = map.find::<dyn Fn(u32) -> u32 + Send + Sync>().unwrap();
        assert_eq!(function(1), 2);
    }

    #[test]
    fn a_requirement_knows_whether_it_is_met() {
        let mut map = StateMap::default();
        let needed = StateRequirement::of::<u32>();
        assert!(!map.satisfies(&needed));
        map.insert(1_u32);
        assert!(map.satisfies(&needed));
        assert_eq!(needed.type_name(), "u32");
    }

    #[test]
    fn debug_prints_no_value() {
        let state = State::<String>::new(String::from("hunter2"));
        assert_eq!(format!("{state:?}"), "State(alloc::string::String)");
    }
}
