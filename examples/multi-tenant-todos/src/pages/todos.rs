//! The todos of whoever is signed in.

use askama::Template;
use axum::{Form, http::StatusCode};
use serde::Deserialize;

use crate::{
    error::{PageError, PageResult},
    notice::Notice,
    storage::Storage,
    todos::{Added, LONGEST_TITLE, MOST_TODOS, Todo},
    view::Frame,
    visit::SignedIn,
};

#[derive(Template)]
#[template(path = "todos.html")]
struct TodosPage {
    frame: Frame,
    todos: Vec<Todo>,
    open: usize,
    title: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct NewTodo {
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
pub(crate) struct Change {
    id: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
pub(crate) struct Which {
    id: String,
}

pub(crate) async fn list<R: Storage>(signed_in: SignedIn<R>) -> PageResult {
    show(&signed_in, StatusCode::OK, String::new(), None).await
}

pub(crate) async fn add<R: Storage>(signed_in: SignedIn<R>, Form(NewTodo { title }): Form<NewTodo>) -> PageResult {
    let title = title.trim();
    let problem = if title.is_empty() {
        Some("Write what there is to do.".to_owned())
    } else if title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        Some(format!("Write one line of at most {LONGEST_TITLE} characters."))
    } else {
        let shared = &signed_in.visit.shared;
        match shared.todos.add(&signed_in.owner(), title, shared.clock.now()).await? {
            Added::Yes => None,
            Added::TooMany => Some(format!("You have {MOST_TODOS} todos. Delete one first.")),
        }
    };
    match problem {
        None => Ok(signed_in.visit.go_and_say("/", Notice::TodoAdded)),
        Some(_) => show(&signed_in, StatusCode::UNPROCESSABLE_ENTITY, title.to_owned(), problem).await,
    }
}

pub(crate) async fn set_done<R: Storage>(
    signed_in: SignedIn<R>,
    Form(Change { id, done }): Form<Change>,
) -> PageResult {
    let visit = &signed_in.visit;
    if !visit.shared.todos.set_done(&signed_in.owner(), &id, done).await? {
        return Err(PageError::NotFound);
    }
    Ok(visit.go_and_say("/", if done { Notice::TodoDone } else { Notice::TodoReopened }))
}

pub(crate) async fn delete<R: Storage>(signed_in: SignedIn<R>, Form(Which { id }): Form<Which>) -> PageResult {
    let visit = &signed_in.visit;
    if !visit.shared.todos.delete(&signed_in.owner(), &id).await? {
        return Err(PageError::NotFound);
    }
    Ok(visit.go_and_say("/", Notice::TodoDeleted))
}

async fn show<R: Storage>(
    signed_in: &SignedIn<R>,
    status: StatusCode,
    title: String,
    problem: Option<String>,
) -> PageResult {
    let visit = &signed_in.visit;
    let todos = visit.shared.todos.list(&signed_in.owner()).await?;
    let open = todos.iter().filter(|todo| !todo.done).count();
    let frame = visit.frame(if problem.is_some() { "Please check: Todos" } else { "Todos" });
    visit.render(status, &TodosPage { frame, todos, open, title, problem })
}
