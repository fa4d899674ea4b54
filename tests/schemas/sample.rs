//! Values around a schema: some that it accepts, some that it just does not.

use serde_json::{Map, Value, json};

/// A source of chance that gives the same values on every run.
pub(crate) struct Chance(u64);

impl Chance {
    /// One for each name, so that a test can be repeated alone.
    pub(crate) fn of(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// A number below a bound, by `SplitMix64`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A value near a schema. `wildness` says how often it departs: never at 0, once in so many
/// schemas otherwise.
pub(crate) fn near(schema: &Value, root: &Value, chance: &mut Chance, wildness: usize) -> Value {
    Sampler { root, chance, wildness }.value(schema, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    chance: &'a mut Chance,
    wildness: usize,
}

impl Sampler<'_> {
    fn departs(&mut self) -> bool {
        self.wildness > 0 && self.chance.one_in(self.wildness)
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if self.departs() {
            return self.stranger();
        }
        if let Some(pointer) = schema["$ref"].as_str() {
            let target = self.root.pointer(pointer.trim_start_matches('#')).unwrap();
            return self.value(target, depth + 1);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.chance.pick(values).clone();
        }
        let union = ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array());
        if let Some(branches) = union {
            // Deep inside a type that contains itself, the first branch ends it.
            let branch = if depth > 6 { &branches[0] } else { self.chance.pick(branches) };
            let mut value = self.value(branch, depth);
            if let (Some(fields), Some(_)) = (value.as_object_mut(), schema.get("properties")) {
                fields.extend(self.object(schema, depth));
            }
            return value;
        }
        match schema["type"].as_str() {
            Some("null") => Value::Null,
            Some("boolean") => self.chance.one_in(2).into(),
            Some("integer") => self.integer(schema),
            Some("number") => self.number(schema),
            Some("string") => self.text(schema).into(),
            Some("array") => self.array(schema, depth),
            Some("object") => self.object(schema, depth).into(),
            _ => self.stranger(),
        }
    }

    /// Something that was not asked for.
    fn stranger(&mut self) -> Value {
        let strangers = [
            json!(null),
            json!(true),
            json!(0),
            json!(1.0),
            json!(-1),
            json!(1.5),
            json!(300),
            json!(70_000),
            json!(5_000_000_000_u64),
            json!(""),
            json!("a"),
            json!("1"),
            json!([]),
            json!([1, "a"]),
            json!({}),
            json!({"a": 1}),
        ];
        self.chance.pick(&strangers).clone()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let small = i64::try_from(self.chance.below(9)).unwrap() - 4;
        let mut edges = vec![small];
        for bound in [schema["minimum"].as_i64(), schema["maximum"].as_i64()].into_iter().flatten()
        {
            edges.extend([bound, bound.saturating_sub(1), bound.saturating_add(1)]);
        }
        let inside = |value: &i64| {
            schema["minimum"].as_i64().is_none_or(|least| *value >= least)
                && schema["maximum"].as_i64().is_none_or(|most| *value <= most)
        };
        if !self.departs() {
            edges.retain(inside);
        }
        let value = edges.get(self.chance.below(edges.len().max(1))).copied();
        let value = value.or(schema["minimum"].as_i64()).unwrap_or_default();
        // The same number, as some clients write it.
        if self.departs() && value.abs() < 1_000 {
            json!(f64::from(i32::try_from(value).unwrap()))
        } else {
            json!(value)
        }
    }

    fn number(&mut self, schema: &Value) -> Value {
        let edges = match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
            (Some(least), Some(most)) if self.departs() => vec![least - 0.25, most + 0.25],
            (Some(least), Some(most)) => vec![least, most, f64::midpoint(least, most)],
            _ => vec![0.0, 0.5, -1.25, 1e20],
        };
        if schema.get("minimum").is_none() && self.chance.one_in(4) {
            return json!(7);
        }
        json!(self.chance.pick(&edges))
    }

    fn text(&mut self, schema: &Value) -> String {
        let wrong = self.departs();
        let pick = |chance: &mut Chance, right: &[&str], off: &[&str]| {
            (*chance.pick(if wrong { off } else { right })).to_owned()
        };
        match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("ipv4"), _) => {
                pick(self.chance, &["127.0.0.1", "0.0.0.0"], &["1.2.3", "256.1.1.1", "a"])
            }
            (Some("ipv6"), _) => {
                pick(self.chance, &["::1", "2001:db8::7"], &["127.0.0.1", ":::", ""])
            }
            (Some(other), _) => panic!("no samples of the format {other}"),
            (None, Some("^[A-Z]{2}-[0-9]{2}$")) => {
                pick(self.chance, &["AB-12", "ZZ-00"], &["ab-12", "AB-123", "AB-1"])
            }
            (None, Some("^\\d+$")) => pick(self.chance, &["1", "42"], &["a", "-1"]),
            (None, Some(other)) => panic!("no samples of the pattern {other}"),
            (None, None) => {
                let least =
                    schema["minLength"].as_u64().map_or(0, |count| usize::try_from(count).unwrap());
                let most = schema["maxLength"]
                    .as_u64()
                    .map_or(least + 3, |count| usize::try_from(count).unwrap());
                let length =
                    if wrong { most + 1 } else { least + self.chance.below(most - least + 1) };
                (0..length)
                    .map(|_| *self.chance.pick(&['a', 'Z', '0', ' ', 'é', '"', '\n', '🦀']))
                    .collect()
            }
        }
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let first = schema["prefixItems"].as_array().cloned().unwrap_or_default();
        let least = schema["minItems"].as_u64().map_or(0, |count| usize::try_from(count).unwrap());
        let most =
            schema["maxItems"].as_u64().map_or(least + 3, |count| usize::try_from(count).unwrap());
        let mut count = least + self.chance.below(most - least + 1);
        if self.departs() {
            count = if self.chance.one_in(2) { count + 1 } else { count.saturating_sub(1) };
        }
        if depth > 4 {
            count = least;
        }
        let anything = json!({});
        let mut items: Vec<Value> = Vec::new();
        for index in 0..count {
            let each = first.get(index).or_else(|| schema.get("items")).unwrap_or(&anything);
            let item = self.value(each, depth + 1);
            if schema["uniqueItems"] == true && items.contains(&item) && !self.departs() {
                continue;
            }
            items.push(item);
        }
        items.into()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Map<String, Value> {
        let mut fields = Map::new();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.iter().any(|key| key == name);
            // An optional field ends a type that contains itself.
            let present =
                if is_required { !self.departs() } else { depth < 6 && self.chance.one_in(2) };
            if present {
                fields.insert(name.clone(), self.value(property, depth + 1));
            } else if !is_required && self.chance.one_in(4) {
                fields.insert(name.clone(), Value::Null);
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.chance.below(3) {
                let key = self.text(schema.get("propertyNames").unwrap_or(&json!({})));
                fields.insert(key, self.value(&schema["additionalProperties"], depth + 1));
            }
        }
        if self.departs() {
            fields.insert("unknown".to_owned(), self.stranger());
        }
        fields
    }
}
