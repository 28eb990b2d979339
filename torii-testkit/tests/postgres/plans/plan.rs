//! Reading plans.

use std::{fmt, str::FromStr};

use serde_json::Value;

/// A plan as `EXPLAIN (FORMAT JSON)` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan(Value);

impl FromStr for Plan {
    type Err = String;

    fn from_str(json: &str) -> Result<Self, String> {
        let explained: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match explained.pointer("/0/Plan") {
            Some(plan) => Ok(Self(plan.clone())),
            None => Err(format!("no plan: {json}")),
        }
    }
}

impl Plan {
    /// The tables that are read from one end to the other: without an index, or along one where nothing says where to begin and
    /// when it is enough.
    pub(super) fn whole_tables(&self) -> Vec<&str> {
        self.tables(|node, is_limited| {
            let is_unguided = is_index_scan(node) && text(node, "Index Cond").is_empty();
            text(node, "Node Type") == "Seq Scan" || (is_unguided && !is_limited)
        })
    }

    /// The tables of which everything is read that the tenant has: by an index that knows the tenant and nothing more.
    pub(super) fn whole_tenants(&self) -> Vec<&str> {
        self.tables(|node, is_limited| {
            let condition = text(node, "Index Cond");
            let is_key_of_tenants = text(node, "Relation Name") == "tenants";
            let names_tenant_only = condition.contains("tenant_id") && !condition.contains(" AND ");
            is_index_scan(node) && names_tenant_only && !is_key_of_tenants && !is_limited
        })
    }

    fn tables(&self, is_wanted: impl Fn(&Value, bool) -> bool) -> Vec<&str> {
        let mut tables = Vec::new();
        visit(&self.0, 0, false, &mut |node, _, is_limited| {
            if is_wanted(node, is_limited) {
                // A bitmap is made from an index, and names no table.
                let table = text(node, "Relation Name");
                tables.push(if table.is_empty() { text(node, "Index Name") } else { table });
            }
        });
        tables
    }
}

fn is_index_scan(node: &Value) -> bool {
    ["Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(&text(node, "Node Type"))
}

/// Calls `see` on every step with how deep it is, and whether a limit above ends it early.
fn visit<'a>(node: &'a Value, depth: usize, is_limited: bool, see: &mut impl FnMut(&'a Value, usize, bool)) {
    see(node, depth, is_limited);
    let is_limited = match text(node, "Node Type") {
        "Limit" => true,
        // These read everything before they give anything.
        "Sort" | "Aggregate" | "Hash" => false,
        _ => is_limited,
    };
    for inner in node.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        visit(inner, depth + 1, is_limited, see);
    }
}

fn text<'a>(node: &'a Value, name: &str) -> &'a str {
    node.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        visit(&self.0, 1, false, &mut |node, depth, _| {
            let mut line = format!("{}{}", "  ".repeat(depth), text(node, "Node Type"));
            for (word, name) in [
                ("on", "Relation Name"),
                ("as", "Alias"),
                ("using", "Index Name"),
                ("where", "Index Cond"),
                ("and then", "Filter"),
                ("for", "Subplan Name"),
            ] {
                if !text(node, name).is_empty() {
                    line.push_str(&format!(" {word} {}", text(node, name)));
                }
            }
            result = result.and_then(|()| writeln!(f, "{line}"));
        });
        result
    }
}
