//! The state of tasks: what a function keeps in it, how it is written, and how it is spread over other tasks.
//!
//! A value is written as JSON, so any serde type will do. How state is spread when the parallelism has changed:
//!
//! | state | goes to |
//! |---|---|
//! | list | the elements of all tasks in their order, cut into runs of equal length, one for each new task |
//! | keyed | each entry to the task that its key's group belongs to |
//! | value | task `i`'s value to task `i` modulo the new parallelism; several at one task are merged, if it says how |

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::mini::exception::{JavaException, TaskResult};
use crate::mini::hash::{key_group, subtask_of};

/// All state of one task: by the operator's uid, then by the state's name.
pub(crate) type TaskSnapshot = BTreeMap<String, BTreeMap<String, StateSnapshot>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StateKind {
    Value,
    List,
    Keyed,
}

/// One state of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StateSnapshot {
    pub(crate) kind: StateKind,
    /// In JSON. An entry of keyed state is a pair.
    pub(crate) elements: Vec<serde_json::Value>,
}

/// What the tasks of a vertex start from, given what as many tasks as there were then had.
pub(crate) fn redistribute(
    before: &[TaskSnapshot],
    parallelism: u32,
    max_parallelism: u32,
) -> Vec<TaskSnapshot> {
    let count = parallelism as usize;
    let mut after = vec![TaskSnapshot::new(); count];
    if before.len() == count {
        after.clone_from_slice(before);
        return after;
    }
    let mut place = |subtask: usize, uid: &str, name: &str, kind, element: serde_json::Value| {
        let Some(task) = after.get_mut(subtask) else { return };
        let state = task
            .entry(uid.to_owned())
            .or_default()
            .entry(name.to_owned())
            .or_insert_with(|| StateSnapshot { kind, elements: Vec::new() });
        state.elements.push(element);
    };
    let mut lists = BTreeMap::<(&str, &str), Vec<&serde_json::Value>>::new();
    for (index, task) in before.iter().enumerate() {
        for (uid, states) in task {
            for (name, state) in states {
                for element in &state.elements {
                    match state.kind {
                        StateKind::List => lists.entry((uid, name)).or_default().push(element),
                        StateKind::Value => place(index % count, uid, name, state.kind, element.clone()),
                        StateKind::Keyed => {
                            let group = key_group(&key_text(element), max_parallelism);
                            let subtask = subtask_of(group, max_parallelism, parallelism) as usize;
                            place(subtask, uid, name, state.kind, element.clone());
                        }
                    }
                }
            }
        }
    }
    for ((uid, name), elements) in lists {
        let (each, longer) = (elements.len() / count, elements.len() % count);
        let mut elements = elements.into_iter();
        for subtask in 0..count {
            for element in elements.by_ref().take(each + usize::from(subtask < longer)) {
                place(subtask, uid, name, StateKind::List, element.clone());
            }
        }
    }
    after
}

/// The bytes by which a pair's key is spread.
fn key_text(pair: &serde_json::Value) -> Vec<u8> {
    pair.get(0).unwrap_or(pair).to_string().into_bytes()
}

fn broken(what: &str, name: &str, error: &serde_json::Error) -> JavaException {
    JavaException::new("java.io.IOException", format!("Could not {what} state '{name}': {error}"))
}

/// State that can be written, whatever its type.
pub(crate) trait Kept {
    fn snapshot(&self) -> TaskResult<StateSnapshot>;
}

/// One value of a task, kept in checkpoints and savepoints.
///
/// Clones are the same value. Made by [`TaskContext::value_state`](super::TaskContext::value_state).
pub struct ValueState<T> {
    kept: Rc<KeptValue<T>>,
}

struct KeptValue<T> {
    name: String,
    value: RefCell<T>,
}

impl<T: Serialize + DeserializeOwned + 'static> ValueState<T> {
    pub(super) fn open(
        name: &str,
        restored: Option<StateSnapshot>,
        initial: T,
        merge: Option<fn(T, T) -> T>,
    ) -> TaskResult<Self> {
        let mut values = decode::<T>(name, StateKind::Value, restored)?.into_iter();
        let mut value = values.next().unwrap_or(initial);
        for next in values {
            let Some(merge) = merge else {
                return Err(JavaException::new(
                    "java.lang.IllegalStateException",
                    format!(
                        "Several values of state '{name}' were restored to one task, since the parallelism was \
                         lowered. Say how they are merged, or keep a list or keyed state."
                    ),
                ));
            };
            value = merge(value, next);
        }
        Ok(Self { kept: Rc::new(KeptValue { name: name.into(), value: RefCell::new(value) }) })
    }

    pub(super) fn kept(&self) -> Rc<dyn Kept> {
        Rc::clone(&self.kept) as _
    }

    /// A copy of the value.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.kept.value.borrow().clone()
    }

    /// Looks at the value.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.kept.value.borrow())
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        self.kept.value.replace(value);
    }

    /// Changes the value in place.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.kept.value.borrow_mut())
    }
}

impl<T: Serialize> Kept for KeptValue<T> {
    fn snapshot(&self) -> TaskResult<StateSnapshot> {
        let value = serde_json::to_value(&*self.value.borrow())
            .map_err(|error| broken("write", &self.name, &error))?;
        Ok(StateSnapshot { kind: StateKind::Value, elements: vec![value] })
    }
}

/// A list of a task, kept in checkpoints and savepoints, and cut anew when the parallelism changes.
///
/// Clones are the same list. Made by [`TaskContext::list_state`](super::TaskContext::list_state).
pub struct ListState<T> {
    kept: Rc<KeptList<T>>,
}

struct KeptList<T> {
    name: String,
    elements: RefCell<Vec<T>>,
}

impl<T: Serialize + DeserializeOwned + 'static> ListState<T> {
    pub(super) fn open(name: &str, restored: Option<StateSnapshot>) -> TaskResult<Self> {
        let elements = RefCell::new(decode(name, StateKind::List, restored)?);
        Ok(Self { kept: Rc::new(KeptList { name: name.into(), elements }) })
    }

    pub(super) fn kept(&self) -> Rc<dyn Kept> {
        Rc::clone(&self.kept) as _
    }

    /// Adds an element at the end.
    pub fn add(&self, element: T) {
        self.kept.elements.borrow_mut().push(element);
    }

    /// The elements.
    pub fn elements(&self) -> Ref<'_, [T]> {
        Ref::map(self.kept.elements.borrow(), Vec::as_slice)
    }

    /// Changes the list in place.
    pub fn update<R>(&self, change: impl FnOnce(&mut Vec<T>) -> R) -> R {
        change(&mut self.kept.elements.borrow_mut())
    }
}

impl<T: Serialize> Kept for KeptList<T> {
    fn snapshot(&self) -> TaskResult<StateSnapshot> {
        let elements = self.elements.borrow();
        let elements = elements.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        let elements = elements.map_err(|error| broken("write", &self.name, &error))?;
        Ok(StateSnapshot { kind: StateKind::List, elements })
    }
}

/// Values by key, kept in checkpoints and savepoints. Each key belongs to one task of the vertex.
///
/// Clones are the same state. Made by [`TaskContext::keyed_state`](super::TaskContext::keyed_state).
pub struct KeyedState<K, V> {
    kept: Rc<KeptMap<K, V>>,
}

struct KeptMap<K, V> {
    name: String,
    owner: Owner,
    entries: RefCell<BTreeMap<K, V>>,
}

/// Which keys a task owns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) subtask: u32,
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: u32,
}

impl Owner {
    pub(crate) fn owns<K: Serialize>(&self, key: &K) -> TaskResult<bool> {
        let key = serde_json::to_value(key).map_err(|error| broken("write the key of", "", &error))?;
        let group = key_group(key.to_string().as_bytes(), self.max_parallelism);
        Ok(subtask_of(group, self.max_parallelism, self.parallelism) == self.subtask)
    }
}

impl<K, V> KeyedState<K, V>
where
    K: Ord + Serialize + DeserializeOwned + 'static,
    V: Serialize + DeserializeOwned + 'static,
{
    pub(super) fn open(name: &str, restored: Option<StateSnapshot>, owner: Owner) -> TaskResult<Self> {
        let entries: Vec<(K, V)> = decode(name, StateKind::Keyed, restored)?;
        let entries = RefCell::new(entries.into_iter().collect());
        Ok(Self { kept: Rc::new(KeptMap { name: name.into(), owner, entries }) })
    }

    pub(super) fn kept(&self) -> Rc<dyn Kept> {
        Rc::clone(&self.kept) as _
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.kept.entries.borrow().get(key).cloned()
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// An `IllegalArgumentException`, as in Flink, if the key belongs to another task: see
    /// [`TaskContext::owns_key`](super::TaskContext::owns_key).
    pub fn put(&self, key: K, value: V) -> TaskResult {
        if !self.kept.owner.owns(&key)? {
            let owner = &self.kept.owner;
            return Err(JavaException::new(
                "java.lang.IllegalArgumentException",
                format!(
                    "Key group is not in the KeyGroupRange of subtask {} of {} (state '{}').",
                    owner.subtask, owner.parallelism, self.kept.name
                ),
            ));
        }
        self.kept.entries.borrow_mut().insert(key, value);
        Ok(())
    }

    /// Removes a key; its value, if it had one.
    pub fn remove(&self, key: &K) -> Option<V> {
        self.kept.entries.borrow_mut().remove(key)
    }

    /// All keys and values of this task.
    pub fn entries(&self) -> Ref<'_, BTreeMap<K, V>> {
        self.kept.entries.borrow()
    }
}

impl<K: Serialize, V: Serialize> Kept for KeptMap<K, V> {
    fn snapshot(&self) -> TaskResult<StateSnapshot> {
        let entries = self.entries.borrow();
        let elements = entries.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        let elements = elements.map_err(|error| broken("write", &self.name, &error))?;
        Ok(StateSnapshot { kind: StateKind::Keyed, elements })
    }
}

fn decode<T: DeserializeOwned>(
    name: &str,
    kind: StateKind,
    restored: Option<StateSnapshot>,
) -> TaskResult<Vec<T>> {
    let Some(restored) = restored else { return Ok(Vec::new()) };
    if restored.kind != kind && !restored.elements.is_empty() {
        return Err(JavaException::new(
            "org.apache.flink.util.StateMigrationException",
            format!(
                "State '{name}' was {:?} state in the snapshot and is {kind:?} state now.",
                restored.kind
            ),
        ));
    }
    let elements = restored.elements.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    elements.map_err(|error| {
        JavaException::new(
            "org.apache.flink.util.StateMigrationException",
            format!("For state '{name}', the new type cannot read what was written: {error}"),
        )
    })
}

macro_rules! handle {
    ($name:ident<$($parameter:ident),+>) => {
        impl<$($parameter),+> Clone for $name<$($parameter),+> {
            fn clone(&self) -> Self {
                Self { kept: Rc::clone(&self.kept) }
            }
        }

        impl<$($parameter),+> fmt::Debug for $name<$($parameter),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("name", &self.kept.name).finish_non_exhaustive()
            }
        }
    };
}

handle!(ValueState<T>);
handle!(ListState<T>);
handle!(KeyedState<K, V>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn task(kind: StateKind, elements: Vec<serde_json::Value>) -> TaskSnapshot {
        let state = StateSnapshot { kind, elements };
        BTreeMap::from([("uid".into(), BTreeMap::from([("name".into(), state)]))])
    }

    fn elements(tasks: &[TaskSnapshot]) -> Vec<Vec<serde_json::Value>> {
        let of = |task: &TaskSnapshot| Some(task.get("uid")?.get("name")?.elements.clone());
        tasks.iter().map(|task| of(task).unwrap_or_default()).collect()
    }

    #[test]
    fn a_value_goes_to_its_own_task_or_to_one_that_has_to_merge() {
        let before: Vec<_> = (0..3).map(|n| task(StateKind::Value, vec![json!(n)])).collect();
        assert_eq!(redistribute(&before, 3, 128), before);
        assert_eq!(elements(&redistribute(&before, 2, 128)), [vec![json!(0), json!(2)], vec![json!(1)]]);
        assert_eq!(elements(&redistribute(&before, 4, 128))[3], Vec::<serde_json::Value>::new());
        let two = StateSnapshot { kind: StateKind::Value, elements: vec![json!(1), json!(2)] };
        let refused = ValueState::<i32>::open("name", Some(two.clone()), 0, None).unwrap_err();
        assert!(refused.to_string().contains("Several values of state 'name'"), "{refused}");
        assert_eq!(ValueState::<i32>::open("name", Some(two), 0, Some(|a, b| a + b)).unwrap().get(), 3);
    }

    #[test]
    fn state_of_another_kind_or_type_is_refused_by_name() {
        let list = StateSnapshot { kind: StateKind::List, elements: vec![json!("a")] };
        let kind = ValueState::<String>::open("s", Some(list.clone()), String::new(), None).unwrap_err();
        assert_eq!(kind.class(), "org.apache.flink.util.StateMigrationException");
        let wrong = ListState::<u8>::open("s", Some(list)).unwrap_err();
        assert!(wrong.to_string().contains("For state 's'"), "{wrong}");
    }

    #[test]
    fn a_key_of_another_task_is_refused() {
        let states: Vec<_> = (0..2)
            .map(|subtask| {
                let owner = Owner { subtask, parallelism: 2, max_parallelism: 128 };
                KeyedState::<String, u32>::open("s", None, owner).unwrap()
            })
            .collect();
        for key in ["a", "b", "c", "d"] {
            let taken = states.iter().filter(|state| state.put(key.into(), 1).is_ok()).count();
            assert_eq!(taken, 1, "{key}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled_when_the_parallelism_changes(
            lists in proptest::collection::vec(proptest::collection::vec(any::<u16>(), 0..9), 1..6),
            parallelism in 1u32..9,
            keyed in any::<bool>(),
        ) {
            let kind = if keyed { StateKind::Keyed } else { StateKind::List };
            let json = |n: &u16| if keyed { json!([n, "v"]) } else { json!(n) };
            let before: Vec<_> =
                lists.iter().map(|list| task(kind, list.iter().map(json).collect())).collect();
            let after = elements(&redistribute(&before, parallelism, 128));
            prop_assert_eq!(after.len(), parallelism as usize);
            let sorted = |mut all: Vec<String>| { all.sort(); all };
            let flat = |tasks: &[Vec<serde_json::Value>]| {
                sorted(tasks.iter().flatten().map(ToString::to_string).collect())
            };
            prop_assert_eq!(flat(&after), flat(&elements(&before)));
            if before.len() != parallelism as usize && !keyed {
                let lengths: Vec<_> = after.iter().map(Vec::len).collect();
                prop_assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
            }
            if keyed && before.len() != parallelism as usize {
                for (subtask, entries) in after.iter().enumerate() {
                    let owner = Owner { subtask: subtask as u32, parallelism, max_parallelism: 128 };
                    for entry in entries {
                        prop_assert!(owner.owns(&entry[0]).unwrap());
                    }
                }
            }
        }
    }
}
