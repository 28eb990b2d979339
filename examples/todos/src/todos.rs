//! The todos of whoever is signed in. They are in memory and end with the process; the users are in the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use torii::UserId;
use uuid::Uuid;

use crate::{
    App,
    auth::SignedIn,
    error::Refusal,
    pages::{TodoRow, TodosPage, html},
};

const MOST_TODOS: usize = 200;
const LONGEST_TITLE: usize = 200;

#[derive(Clone)]
pub(crate) struct Todo {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) done: bool,
}

/// Todos by their owner: whoever looks for one looks among somebody's, so nobody reaches another's by its id.
#[derive(Clone, Default)]
pub(crate) struct Todos(Arc<Mutex<HashMap<UserId, Vec<Todo>>>>);

impl Todos {
    fn of<T>(&self, owner: &UserId, work: impl FnOnce(&mut Vec<Todo>) -> T) -> T {
        let mut todos = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(todos.entry(owner.clone()).or_default())
    }
}

#[derive(Deserialize)]
pub(crate) struct NewTodo {
    title: String,
}

pub(crate) async fn list(State(app): State<App>, SignedIn(user): SignedIn) -> Result<Response, Refusal> {
    let todos = app.todos.of(&user.id, |todos| todos.clone());
    html(&TodosPage { email: &user.email, todos: &todos })
}

pub(crate) async fn add(
    State(app): State<App>,
    SignedIn(user): SignedIn,
    Form(NewTodo { title }): Form<NewTodo>,
) -> Result<Response, Refusal> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > LONGEST_TITLE {
        return Err(Refusal::Invalid("Write 1 to 200 characters."));
    }
    let todo = Todo { id: Uuid::new_v4().to_string(), title: title.to_owned(), done: false };
    app.todos.of(&user.id, |todos| {
        if todos.len() >= MOST_TODOS {
            return Err(Refusal::Invalid("You have 200 todos. Delete one first."));
        }
        todos.push(todo.clone());
        Ok(())
    })?;
    html(&TodoRow { todo: &todo })
}

pub(crate) async fn toggle(
    State(app): State<App>,
    SignedIn(user): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let toggled = app.todos.of(&user.id, |todos| {
        let todo = todos.iter_mut().find(|todo| todo.id == id)?;
        todo.done = !todo.done;
        Some(todo.clone())
    });
    html(&TodoRow { todo: &toggled.ok_or(Refusal::NotFound)? })
}

pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(user): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let deleted = app.todos.of(&user.id, |todos| {
        let index = todos.iter().position(|todo| todo.id == id)?;
        Some(todos.remove(index))
    });
    deleted.map(|_| StatusCode::NO_CONTENT).ok_or(Refusal::NotFound)
}
