#![doc = include_str!("../README.md")]
#![allow(missing_docs, reason = "a program; what is public is so for its own tests")]

pub mod address;
pub mod app;
pub mod config;
pub mod error;
pub mod error_pages;
pub mod forms;
pub mod headers;
pub mod mail;
pub mod notice;
pub mod operator;
pub mod pages;
pub mod storage;
pub mod todos;
pub mod view;
pub mod visit;
