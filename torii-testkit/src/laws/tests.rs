//! The list of laws, compared with their sources: a law that is not in the list never runs.

use std::{fs, path::Path};

struct Law {
    noun: String,
    name: String,
    sentence: String,
}

/// The laws, as the sources have them.
fn written() -> Vec<Law> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/laws");
    let mut laws = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        if path.is_dir() {
            continue;
        }
        let noun = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        let mut sentence = String::new();
        for line in source.lines() {
            if let Some(text) = line.strip_prefix("/// ") {
                sentence.push_str(text);
                sentence.push(' ');
            } else if let Some(declared) = line.strip_prefix("pub async fn ") {
                let name = declared.split('<').next().unwrap().to_owned();
                laws.push(Law { noun: noun.clone(), name, sentence: std::mem::take(&mut sentence) });
            } else {
                sentence.clear();
            }
        }
    }
    laws
}

/// The nouns and names in the list: `noun { name name .. }`.
fn listed() -> Vec<(String, String)> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/laws/mod.rs")).unwrap();
    let (_, list) = source.split_once("@tests $scope $backend;").unwrap();
    let (list, _) = list.split_once("(@tests").unwrap();
    let nouns = list.split('}').filter_map(|part| part.split_once('{'));
    nouns
        .flat_map(|(noun, names)| names.split_whitespace().map(|name| (noun.trim().to_owned(), name.to_owned())))
        .collect()
}

#[test]
fn every_law_is_in_the_list() {
    let written: Vec<_> = written().into_iter().map(|law| (law.noun, law.name)).collect();
    let listed = listed();
    assert!(written.len() > 100, "the sources were read");
    for law in &written {
        assert_eq!(listed.iter().filter(|listed| *listed == law).count(), 1, "{law:?} is in the list once");
    }
    assert_eq!(listed.len(), written.len());
}

#[test]
fn every_law_is_a_sentence() {
    for law in written() {
        let sentence = law.sentence.trim();
        assert!(sentence.len() > 10 && sentence.ends_with(['.', ')']), "{}::{} says {sentence:?}", law.noun, law.name);
    }
}
