//! What was taken over from a single-tenant version, for people and scripts.

use serde_json::{Value, json};
use torii_migration::{Adoption, Finding, Handling};

use crate::output::{Mark, Text};

pub(super) fn json(adoption: &Adoption) -> Value {
    let tables: Vec<Value> = adoption
        .tables
        .iter()
        .map(|table| {
            json!({
                "source": table.source,
                "table": table.table,
                "backup": table.backup,
                "adopted": table.adopted,
                "set_aside": table.set_aside,
            })
        })
        .collect();
    json!({
        "from": adoption.from.as_str(),
        "tables": tables,
        "set_aside": adoption.set_aside(),
        "backups": adoption.backups().collect::<Vec<_>>(),
    })
}

pub(super) fn write(text: &mut Text, adoption: &Adoption) {
    let rows: u64 = adoption.tables.iter().map(|table| table.adopted).sum();
    text.pair("taken over", &format!("from {}: {rows} rows, {} set aside", adoption.from, adoption.set_aside()));
    let backups: Vec<&str> = adoption.backups().collect();
    if !backups.is_empty() {
        text.pair("backup", &backups.join(", "));
        text.words(20, "They hold what the older version stored, tokens in clear among it. `torii migrate --drop-backup` drops them.");
    }
}

pub(super) fn json_of_findings(findings: &[Finding]) -> Vec<Value> {
    let object = |finding: &Finding| {
        json!({
            "table": finding.table,
            "row": finding.row,
            "problem": finding.problem.to_string(),
            "handling": handling(finding),
        })
    };
    findings.iter().map(object).collect()
}

pub(super) fn write_findings(text: &mut Text, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    text.blank();
    text.words(0, "Rows that are not simply taken over (up to a hundred of each kind):");
    for finding in findings {
        let mark = if finding.handling == Handling::Refused { Mark::Error } else { Mark::Point };
        text.item(mark, &format!("{finding} ({})", handling(finding)));
    }
}

fn handling(finding: &Finding) -> &'static str {
    match finding.handling {
        Handling::Adopted => "adopted",
        Handling::SetAside => "set_aside",
        _ => "refused",
    }
}
