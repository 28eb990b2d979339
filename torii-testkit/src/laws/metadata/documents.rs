use serde_json::{Map, Value, json};
use torii::UserMetadata;

/// Makes metadata and filters, the same ones every time. Names and values are few, so that they meet.
pub(super) struct Documents(u64);

impl Documents {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, by SplitMix64.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }

    pub(super) fn document(&mut self) -> UserMetadata {
        let members = self.members(2);
        UserMetadata::new(Value::Object(members)).expect("it is metadata")
    }

    /// A part of a document, sometimes with something in it that may not be there.
    pub(super) fn filter(&mut self, document: &UserMetadata) -> UserMetadata {
        let part = self.part_of_members(document.as_map());
        UserMetadata::new(Value::Object(part)).expect("it is metadata")
    }

    fn members(&mut self, levels: u32) -> Map<String, Value> {
        (0..=self.below(3)).map(|_| (self.name(), self.value(levels))).collect()
    }

    fn name(&mut self) -> String {
        ["a", "b", "c", "A", "", "a.b"][self.below(6) as usize].to_owned()
    }

    fn value(&mut self, levels: u32) -> Value {
        match self.below(if levels == 0 { 5 } else { 10 }) {
            0 => Value::Null,
            1 => self.below(2).eq(&0).into(),
            2 | 3 => {
                [json!(0), json!(-0.0), json!(1), json!(1.0), json!(-1), json!(0.5), json!(1e300), json!(u64::MAX)]
                    [self.below(8) as usize]
                    .clone()
            }
            4 => ["", "1", "a", "caf\u{e9}", "it's \"quoted\""][self.below(5) as usize].into(),
            5..=7 => Value::Array((0..self.below(4)).map(|_| self.value(levels - 1)).collect()),
            _ if self.below(4) == 0 => json!({}),
            _ => Value::Object(self.members(levels - 1)),
        }
    }

    fn part_of_members(&mut self, members: &Map<String, Value>) -> Map<String, Value> {
        let mut part = Map::new();
        for (name, value) in members {
            if self.below(2) == 0 {
                part.insert(name.clone(), self.part_of(value));
            }
        }
        if self.below(12) == 0 {
            part.insert(self.name(), self.value(1));
        }
        part
    }

    fn part_of(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.part_of_members(members)),
            Value::Array(elements) => {
                let mut part = Vec::new();
                for element in elements {
                    if self.below(2) == 0 {
                        part.push(self.part_of(element));
                    }
                }
                // Order and number do not matter.
                part.reverse();
                part.extend(part.first().cloned());
                if self.below(8) == 0 {
                    part.push(self.value(0));
                }
                Value::Array(part)
            }
            _ if self.below(8) == 0 => self.value(1),
            other => other.clone(),
        }
    }
}
