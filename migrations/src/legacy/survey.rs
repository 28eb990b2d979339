//! Looking at every row of an older version before anything is changed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::Future,
};

use chrono::{DateTime, Utc};

use super::{
    Legacy, Present,
    cell::{Cell, hash, short_hash},
    duplicates::{Doubled, Passes},
    finding::{Findings, Handling, Problem},
    table::{Keep, Old, Rules},
    users,
};
use crate::{MigrateOptions, Result, progress::Reporter};

/// Rows that are read or written at a time: what bounds the memory.
pub(crate) const BATCH: u32 = 1000;

/// Where an older version's rows are read from.
pub(crate) trait Source: Send {
    /// How many rows there are.
    fn count(&mut self, table: &Present) -> impl Future<Output = Result<u64>> + Send;

    /// The next [`BATCH`] rows after the one with the cursor, in the order of their `id`, or of any other unique value.
    fn batch(&mut self, table: &Present, after: Option<&Cell>) -> impl Future<Output = Result<Vec<OldRow>>> + Send;
}

/// A row as the database holds it.
pub(crate) struct OldRow {
    /// What the rows are read in the order of.
    pub(crate) cursor: Cell,
    /// The column `id`.
    pub(crate) id: Cell,
    /// Whether the user it belongs to exists; `true` in tables whose rows belong to nobody.
    pub(crate) has_user: bool,
    /// The values of [`Table::columns`](super::table::Table::columns).
    pub(crate) cells: Vec<Cell>,
}

impl OldRow {
    /// The values to write.
    pub(crate) fn convert(&self, present: &Present, rules: &Rules) -> Result<Vec<Cell>, Problem> {
        let table = present.table;
        let old = Old { table, id: &self.id, cells: &self.cells };
        if !self.has_user {
            return Err(Problem::Orphan { user: old.text("user_id").unwrap_or("NULL").to_owned() });
        }
        (table.convert)(&old, rules)
    }

    /// The number of a row that has one: of every row but a user.
    pub(crate) fn number(&self) -> Option<i64> {
        if let Cell::Integer(number) = self.id { Some(number) } else { None }
    }
}

/// Where the next batch begins; `None` after the last. On a database in use rows may always be added: whoever reads to the end
/// of them reads for ever.
pub(crate) fn next(rows: Vec<OldRow>) -> Option<Cell> {
    if rows.len() < BATCH as usize { None } else { rows.into_iter().next_back().map(|last| last.cursor) }
}

/// What was found.
pub(crate) struct Survey {
    pub(crate) rules: Rules,
    pub(crate) findings: Findings,
    /// By source table: the rows whose key another row has.
    pub(crate) duplicates: BTreeMap<&'static str, HashSet<i64>>,
}

impl Survey {
    /// Whether a row is left out because another one has its key.
    pub(crate) fn is_duplicate(&self, present: &Present, row: &OldRow) -> bool {
        let rows = self.duplicates.get(present.table.source);
        rows.zip(row.number()).is_some_and(|(rows, number)| rows.contains(&number))
    }
}

/// Looks at every row.
pub(crate) async fn survey<S: Source>(source: &mut S, legacy: &Legacy, options: &MigrateOptions) -> Result<Survey> {
    let mut survey =
        Survey { rules: Rules::new(legacy.version), findings: Findings::default(), duplicates: BTreeMap::new() };
    for present in &legacy.tables {
        for column in present.foreign_columns() {
            if !present.table.is_users() {
                let problem = Problem::ForeignColumn { column: column.clone() };
                survey.findings.add(present.table.source, "*".to_owned(), problem, Handling::SetAside);
            }
        }
        look_at(source, present, &mut survey, options).await?;
    }
    Ok(survey)
}

async fn look_at<S: Source>(
    source: &mut S,
    present: &Present,
    survey: &mut Survey,
    options: &MigrateOptions,
) -> Result<()> {
    let table = present.table;
    let total = source.count(present).await?;
    let passes = Passes::of(total);
    let progress = Reporter::new(options, "examine", table.source, total * passes.count());
    let mut doubled = Vec::new();
    let mut odd = HashSet::new();
    for pass in passes.all() {
        let mut hashes = Vec::new();
        let mut after = None;
        loop {
            let rows = source.batch(present, after.as_ref()).await?;
            for row in &rows {
                match row.convert(present, &survey.rules) {
                    Ok(new) => {
                        let key = key_of(present, &new);
                        if pass.is_first()
                            && table.is_users()
                            && let [Cell::Text(key)] = key
                            && key.starts_with(['=', '#'])
                        {
                            odd.insert(key.clone());
                        }
                        if !key.is_empty() {
                            pass.collect(short_hash(key), &mut hashes);
                        }
                    }
                    Err(problem) if pass.is_first() => {
                        let handling = problem.handling(table.durable);
                        survey.findings.add(table.source, table.row_name(&row.id), problem, handling);
                    }
                    Err(_) => {}
                }
            }
            progress.advance(rows.len());
            match next(rows) {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        doubled.extend(Doubled::find(hashes));
    }
    if !doubled.is_empty() {
        let groups = group(source, present, &survey.rules, &Doubled::new(doubled)).await?;
        resolve(present, groups, &odd, survey);
    }
    Ok(())
}

/// What is unique within a tenant.
fn key_of<'c>(present: &Present, new: &'c [Cell]) -> &'c [Cell] {
    let table = present.table;
    if table.is_users() {
        let position = table.into.iter().position(|(name, _)| *name == "email_key");
        return position.and_then(|position| new.get(position..=position)).unwrap_or_default();
    }
    new.get(..table.key).unwrap_or_default()
}

/// A row that shares its key with others.
struct Member {
    id: Cell,
    number: Option<i64>,
    made: Option<DateTime<Utc>>,
    email: Option<String>,
}

/// Reads the rows again, and puts those with the same key together.
async fn group<S: Source>(
    source: &mut S,
    present: &Present,
    rules: &Rules,
    doubled: &Doubled,
) -> Result<Vec<Vec<Member>>> {
    let mut groups: HashMap<[u8; 32], Vec<Member>> = HashMap::new();
    let mut after = None;
    loop {
        let rows = source.batch(present, after.as_ref()).await?;
        for row in &rows {
            let Ok(new) = row.convert(present, rules) else { continue };
            let key = key_of(present, &new);
            if doubled.contains(short_hash(key)) {
                let value =
                    |name| present.table.into.iter().position(|(into, _)| *into == name).and_then(|at| new.get(at));
                let made = if let Some(Cell::Time(made)) = value("created_at") { Some(*made) } else { None };
                let email = if let Some(Cell::Text(email)) = value("email") { Some(email.clone()) } else { None };
                let member = Member { id: row.id.clone(), number: row.number(), made, email };
                groups.entry(hash(key)).or_default().push(member);
            }
        }
        match next(rows) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    Ok(groups.into_values().filter(|group| group.len() > 1).collect())
}

/// Decides which row of each group keeps the key.
fn resolve(present: &Present, groups: Vec<Vec<Member>>, odd: &HashSet<String>, survey: &mut Survey) {
    let table = present.table;
    let mut exact_keys = HashSet::new();
    for mut group in groups {
        group.sort_by_key(|member| match table.keep {
            Keep::All => (member.made, 0, member.id.name()),
            Keep::Oldest => (None, member.number.unwrap_or_default(), String::new()),
            Keep::Newest => (None, member.number.unwrap_or_default().checked_neg().unwrap_or(i64::MAX), String::new()),
        });
        let mut members = group.into_iter();
        let Some(first) = members.next() else { continue };
        let of = table.row_name(&first.id);
        for member in members {
            let row = table.row_name(&member.id);
            let problem = match (member.email, member.number) {
                (Some(email), _) if table.is_users() => {
                    let key = users::key(&email, true).as_str().to_owned();
                    let is_free = !odd.contains(&key) && exact_keys.insert(key);
                    survey.rules.exact_users.insert(row.clone());
                    survey.rules.exact_emails.insert(email);
                    if is_free {
                        Problem::SameAddress { as_user: of.clone() }
                    } else {
                        Problem::NoKey { as_user: of.clone() }
                    }
                }
                (_, number) => {
                    survey.duplicates.entry(table.source).or_default().extend(number);
                    Problem::Duplicate { of: of.clone() }
                }
            };
            let handling = problem.handling(table.durable);
            survey.findings.add(table.source, row, problem, handling);
        }
    }
}
